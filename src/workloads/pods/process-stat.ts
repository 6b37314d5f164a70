/** The text of /proc/PID/stat (proc_pid_stat(5)). Pure. */

const START_TIME = 22
const FIRST_AFTER_NAME = 3

/**
 * When a process started, in clock ticks since the machine did: with the PID it tells one process from the next. The name
 * before it may hold blanks and parentheses, so fields are counted from the last one that closes. Undefined for other texts.
 */
export const startTimeOf = (stat: string): number | undefined => {
  const end = stat.lastIndexOf(')')
  if (end < 0) return undefined
  const ticks = stat
    .slice(end + 1)
    .trimStart()
    .split(' ', START_TIME)[START_TIME - FIRST_AFTER_NAME]
  return ticks !== undefined && /^\d{1,15}$/.test(ticks) ? Number(ticks) : undefined
}
