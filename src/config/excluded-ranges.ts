/** "Only these ports, but not those" as the ranges of ports that the kernel leaves alone. Pure. */
import { MAX_PORT } from './kinds.ts'
import type { PortRange } from './networks.ts'

/** As many as a policy of the kernel's has room for (MAX_PORT_RANGES of bpf/include/contract.h). */
export const MAX_EXCLUDED_RANGES = 16

const ALL: PortRange = { from: 1, to: MAX_PORT }
const DNS: PortRange = { from: 53, to: 53 }

/** What is to be intercepted. */
export interface WantedPorts {
  /** Only these; undefined = all. */
  readonly ports?: readonly PortRange[] | undefined
  /** But never these. */
  readonly excludePorts: readonly PortRange[]
  /** Whether DNS is asked for: "only these" then means these and 53, unless that is excluded by name. */
  readonly dns: boolean
}

/** The ports to leave alone: sorted, apart from one another; as many ranges as it takes, which may be more than fit. */
export function excludedRanges({ ports, excludePorts, dns }: WantedPorts): PortRange[] {
  if (!ports) return merged(excludePorts)
  return merged([...others(dns ? [...ports, DNS] : ports), ...excludePorts])
}

/** Why the kernel cannot be told so; undefined where it can. */
export function problemWithPorts(wanted: WantedPorts): string | undefined {
  const { ports = [ALL], excludePorts } = wanted
  // 53, which is kept for DNS, is not something that was asked for.
  const [first] = merged([...others(ports), ...excludePorts])
  if (first?.from === ALL.from && first.to === ALL.to) return 'every port is excluded, so nothing would be intercepted'
  const count = excludedRanges(wanted).length
  if (count <= MAX_EXCLUDED_RANGES) return undefined
  return `together this leaves ${count} separate ranges of ports alone, and there is room for ${MAX_EXCLUDED_RANGES}`
}

/** The same ports, sorted, with neither overlaps nor neighbours. */
function merged(ranges: readonly PortRange[]): PortRange[] {
  const result: { from: number; to: number }[] = []
  for (const { from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1)
    if (last && from <= last.to + 1) last.to = Math.max(last.to, to)
    else result.push({ from, to })
  }
  return result
}

/** All ports that are in none of the ranges. */
function others(ranges: readonly PortRange[]): PortRange[] {
  const result: PortRange[] = []
  let next = ALL.from
  for (const { from, to } of merged(ranges)) {
    if (from > next) result.push({ from: next, to: from - 1 })
    next = to + 1
  }
  if (next <= ALL.to) result.push({ from: next, to: ALL.to })
  return result
}
