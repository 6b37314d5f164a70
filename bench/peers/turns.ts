/** Several servers on one core, of which only the one whose turn it is runs: a compiler of another one takes no time. */
import { processorSeconds } from '../support/process-usage.ts'
import { note } from '../support/report.ts'
import { median } from '../support/statistics.ts'
import { measureRate, writeScript } from '../support/wrk.ts'
import type { Case } from './cases.ts'
import type { Peer, Running } from './peer.ts'

export interface Seat {
  readonly name: string
  readonly running: Running
}

export const CONNECTIONS = 32
const SECONDS = 1
const ROUNDS = 7
/** What the first load of a Java program takes to be compiled, and any later one. */
const WARM_UP_SECONDS = { first: 10, later: 3 }

const wake = ({ running }: Seat): void => void process.kill(running.pid, 'SIGCONT')
const stop = ({ running }: Seat): void => void process.kill(running.pid, 'SIGSTOP')

export type Took = (name: string, why: string) => void

/** Starts them; whoever cannot be started is told, with the reason, and left out. */
export const seat = async (peers: readonly Peer[], onSkipped: Took): Promise<Seat[]> => {
  const seats: Seat[] = []
  for (const peer of peers) {
    try {
      const taken = { name: peer.name, running: await peer.start() }
      stop(taken)
      seats.push(taken)
    } catch (error) {
      onSkipped(peer.name, error instanceof Error ? error.message : String(error))
    }
  }
  return seats
}

const check = async (url: string, { asked, answer }: Case): Promise<void> => {
  const [first] = asked
  if (!first) throw new Error('a case that asks for nothing')
  const { method, path, body } = first
  const headers = { 'content-type': 'application/json' }
  const given = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
  const text = await given.text()
  if (given.status !== 200 || text !== answer) throw new Error(`answers ${given.status} ${text.slice(0, 80)}`)
  const other = await (await fetch(`${url}/not/there`, { method, headers })).text()
  if (other === answer) throw new Error('answers the same to anything')
}

/** A server in a case of its own. */
export interface Entrant {
  readonly seat: Seat
  readonly given: Case
}

interface Ready {
  readonly entrant: Entrant
  readonly script: string | undefined
  readonly rates: number[]
  /** Of its core, for each request; says the same as the rates on a machine that has nothing else to do. */
  readonly microseconds: number[]
}

const seen = new WeakSet<Seat>()

const loadOf = ({ seat: { running }, given }: Entrant, seconds: number, script: string | undefined) => {
  const [first] = given.asked
  const url = `${running.url}${first?.path ?? '/'}`
  return { connections: CONNECTIONS, seconds, url, ...(script === undefined ? {} : { script }) }
}

const scriptOf = (given: Case, index: number): string | undefined =>
  given.asked.length === 1 && given.asked[0]?.body === undefined ? undefined : writeScript(`case-${index}`, given.asked)

/**
 * The rates of each in each round, in the order of `entrants`; whoever does not answer as it should is told and left out.
 */
export const takeTurns = async (entrants: readonly Entrant[], onSkipped: Took): Promise<Map<Seat, number[]>> => {
  const ready = new Set<Ready>()
  const attempt = async ({ seat }: Entrant, turn: () => Promise<void>): Promise<boolean> => {
    wake(seat)
    try {
      await turn()
      return true
    } catch (error) {
      onSkipped(seat.name, error instanceof Error ? error.message : String(error))
      return false
    } finally {
      stop(seat)
    }
  }
  for (const [index, entrant] of entrants.entries()) {
    const { seat, given } = entrant
    await attempt(entrant, async () => {
      await seat.running.load(given.stubs)
      await check(seat.running.url, given)
      const script = scriptOf(given, index)
      await measureRate(loadOf(entrant, seen.has(seat) ? WARM_UP_SECONDS.later : WARM_UP_SECONDS.first, script))
      seen.add(seat)
      ready.add({ entrant, script, rates: [], microseconds: [] })
    })
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const one of ready) if (!(await attempt(one.entrant, () => measure(one)))) ready.delete(one)
  }
  for (const { entrant, rates, microseconds } of ready) {
    const each = median(microseconds).toFixed(1)
    note(`  ${entrant.seat.name}: ${Math.round(median(rates))} requests/s, ${each} us of its core each`)
  }
  return new Map([...ready].map(({ entrant, rates }) => [entrant.seat, rates]))
}

const measure = async ({ entrant, script, rates, microseconds }: Ready): Promise<void> => {
  const { pid } = entrant.seat.running
  const before = processorSeconds(pid)
  const rate = await measureRate(loadOf(entrant, SECONDS, script))
  rates.push(rate)
  microseconds.push(((processorSeconds(pid) - before) * 1e6) / (rate * SECONDS))
}
