/** What the kernel says a process takes: memory and time. */
import { readFileSync } from 'node:fs'

const MIB_KIB = 1024

const read = (pid: number, field: string): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / MIB_KIB
}

const TICKS_PER_SECOND = 100

/** Seconds of a core that it has used, all its threads together. */
export const processorSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program, in parentheses, may have blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Resident memory now, MiB. */
export const residentMib = (pid: number): number => read(pid, 'VmRSS')

/** The most it has ever been, MiB. */
export const highestResidentMib = (pid: number): number => read(pid, 'VmHWM')
