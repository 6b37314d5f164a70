/**
 * Mocked requests per second of `understudy serve` against other mock servers, as ratios within each round. Their
 * packages are installed by this program (npm, `bench/peers/`); who cannot be started is named and left out.
 */
import { CASES, type Case, LARGE_CASE, LARGE_LAST, ONE, PATTERNS } from './peers/cases.ts'
import { installPeers } from './peers/install.ts'
import { PEERS, VARIANTS } from './peers/list.ts'
import { mockServer } from './peers/mockserver.ts'
import { CONNECTIONS, type Seat, seat, takeTurns } from './peers/turns.ts'
import { subject } from './peers/understudy.ts'
import { wireMock } from './peers/wiremock.ts'
import { leaveSubjectAlone } from './support/cores.ts'
import { note, type Row, report, type Target } from './support/report.ts'
import { median, spreadOf } from './support/statistics.ts'

const rows: Row[] = []
const question = ({ name }: Case): string => `mocked requests per second on ${CONNECTIONS} kept connections: ${name}`

const skipped =
  (asked: string) =>
  (reference: string, why: string): void => {
    note(`  ${reference} is left out: ${why}`)
    rows.push({ question: asked, reference, measured: { kind: 'skipped', why }, target: {} })
  }

const ratios = (ours: readonly number[], theirs: readonly number[]): number[] =>
  ours.map((rate, round) => rate / (theirs[round] ?? Number.NaN))

type Aim = (name: string, isBest: boolean) => Target

const compare = (
  given: Case,
  ours: readonly number[],
  others: ReadonlyMap<Seat, readonly number[]>,
  aim: Aim,
): void => {
  const best = Math.max(...[...others.values()].map(median))
  for (const [{ name }, rates] of others) {
    const isBest = median(rates) === best
    rows.push({
      question: question(given),
      reference: isBest && others.size > 1 ? `${name}, the best of them` : name,
      measured: { kind: 'ratio', spread: spreadOf(ratios(ours, rates)) },
      target: aim(name, isBest),
    })
  }
}

const aimOf = (given: Case): Aim => {
  if (given === ONE) return (_, isBest) => (isBest ? { atLeast: 2 } : {})
  return (name) => (given === PATTERNS && name === mockServer.name ? { atLeast: 10 } : {})
}

/** One case against these; the rates without our own. */
const runCase = async (given: Case, us: Seat, others: readonly Seat[], aim: Aim): Promise<void> => {
  note(given.name)
  const all = await takeTurns(
    [us, ...others].map((one) => ({ seat: one, given })),
    skipped(question(given)),
  )
  const ours = all.get(us)
  all.delete(us)
  if (ours) compare(given, ours, all, aim)
}

/** Ten thousand against one of our own, both asked the same: what the expectations cost, and not the loading of the client. */
const runLastOfLarge = async (us: Seat, alone: Seat): Promise<void> => {
  note(LARGE_LAST.name)
  const all = await takeTurns(
    [
      { seat: us, given: LARGE_LAST },
      { seat: alone, given: ONE },
    ],
    skipped(question(LARGE_LAST)),
  )
  const [ours, one] = [all.get(us), all.get(alone)]
  if (!ours || !one) return
  rows.push({
    question: question(LARGE_LAST),
    reference: 'itself with one expectation',
    measured: { kind: 'ratio', spread: spreadOf(ratios(ours, one)) },
    target: { atLeast: 0.85 },
  })
}

/** All of ten thousand in turn, and against those that need not go through them one by one. */
const runLarge = async (us: Seat, alone: Seat, others: readonly Seat[]): Promise<void> => {
  note(LARGE_CASE.name)
  const entrants = [us, ...others].map((one) => ({ seat: one, given: LARGE_CASE }))
  const all = await takeTurns([...entrants, { seat: alone, given: ONE }], skipped(question(LARGE_CASE)))
  const [ours, one] = [all.get(us), all.get(alone)]
  if (!ours || !one) return
  rows.push({
    question: question(LARGE_CASE),
    reference: 'itself with one expectation',
    measured: { kind: 'ratio', spread: spreadOf(ratios(ours, one)) },
    target: {},
  })
  all.delete(us)
  all.delete(alone)
  compare(LARGE_CASE, ours, all, () => ({}))
}

leaveSubjectAlone()
installPeers()
const refuse = (name: string, why: string): never => {
  throw new Error(`${name} cannot be started: ${why}`)
}
const seats: Seat[] = []
try {
  const take = async (...given: Parameters<typeof seat>): Promise<Seat[]> => {
    const taken = await seat(...given)
    seats.push(...taken)
    return taken
  }
  const [us, alone] = await take([subject, { ...subject, name: 'Understudy, one expectation' }], refuse)
  if (!us || !alone) throw new Error('nothing to compare')
  const others = await take(PEERS, skipped('mocked requests per second'))
  for (const given of CASES) await runCase(given, us, others, aimOf(given))
  const indexed = new Set([mockServer.name, wireMock.name])
  await runLastOfLarge(us, alone)
  await runLarge(
    us,
    alone,
    others.filter(({ name }) => indexed.has(name)),
  )
  await runCase(ONE, us, await take(VARIANTS, skipped(question(ONE))), () => ({}))
} finally {
  await Promise.all(seats.map(({ running }) => running.close()))
}
report(rows)
