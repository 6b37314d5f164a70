/** `dates`: the time of the request, and times before and after it. */
import { formatTime, isoTime } from '../time-text.ts'
import { type Member, type Tool, tool } from '../value.ts'
import { numberAt, textAt } from './arguments.ts'

const UNITS_MS = { Seconds: 1000, Minutes: 60_000, Hours: 3_600_000, Days: 86_400_000 } as const

export function datesTool(nowMs: number): Tool {
  const seconds = Math.floor(nowMs / 1000)
  const members: Record<string, Member> = {
    format: (args, meter) => formatTime(nowMs, textAt(args, 0, meter)),
    epochSeconds: () => seconds,
    epochMillis: () => nowMs,
    epochSecondsPlus: (args) => String(seconds + numberAt(args, 0)),
    epochSecondsMinus: (args) => String(seconds - numberAt(args, 0)),
  }
  for (const [unit, ms] of Object.entries(UNITS_MS)) {
    members[`plus${unit}`] = (args) => isoTime(nowMs + numberAt(args, 0) * ms)
    members[`minus${unit}`] = (args) => isoTime(nowMs - numberAt(args, 0) * ms)
  }
  return tool('dates', members, () => isoTime(nowMs))
}
