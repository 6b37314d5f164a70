/**
 * Does a full table of tracked connections slow the look-up of one down? By netlink, which asks the kernel's hash table,
 * it must not; the file of the same table is what that saves.
 */
import { replyTuple } from '../src/kernel/conntrack-entry.ts'
import { type OriginalDestinations, openOriginalDestinations, searchFile } from '../src/kernel/original-destination.ts'
import { connectionOf, DIALLED, makeRoomFor, openTable } from './support/conntrack-table.ts'
import { note, type Row, report } from './support/report.ts'
import { openSite, type Site } from './support/site.ts'
import { quantile, spreadOf } from './support/statistics.ts'

const SIZES = [10, 10_000, 200_000] as const
const [FEW, MANY, MOST] = SIZES
type Size = (typeof SIZES)[number]
const ROUNDS = 5
const LOOKUPS = 5000
const WARM_UP = 1000
const SEARCHES = { [FEW]: 200, [MANY]: 10, [MOST]: 1 } as const
const UNBOUNDED = { lines: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER, milliseconds: 60_000 }

/** The p50 of `count` calls, in microseconds. */
const p50 = (count: number, call: () => void): number => {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const started = process.hrtime.bigint()
    call()
    times.push(Number(process.hrtime.bigint() - started) / 1000)
  }
  return quantile(times, 0.5)
}

/** Looks entries up all over the table, so that memory is as cold as it would be. */
const byNetlink = (evidence: OriginalDestinations, size: Size): (() => void) => {
  let index = 0
  return () => {
    index = (index + 7919) % size
    const answer = evidence.conntrack(connectionOf(index))
    if (answer.kind !== 'found' || answer.destination.address !== DIALLED.address) throw new Error('nothing was found')
  }
}

/** Searches the whole file for a connection that it does not have. */
const byFile = ({ lab }: Site): (() => void) => {
  const reply = replyTuple(connectionOf(MOST))
  if (!reply) throw new Error('not a connection')
  return () => {
    const answer = searchFile(lab.shim, lab.appNetnsFd, reply, { bounds: UNBOUNDED })
    if (answer.kind !== 'none' || !answer.why.startsWith('no entry')) throw new Error('the search did not end')
  }
}

type Series = Record<Size, number[]>
const seriesOf = (): Series => ({ [FEW]: [], [MANY]: [], [MOST]: [] })

const measure = (site: Site): { netlink: Series; file: Series } => {
  const netlink = seriesOf()
  const file = seriesOf()
  const evidence = openOriginalDestinations(site.lab.shim, site.lab.appNetnsFd)
  const table = openTable(site.lab)
  for (let round = 0; round < ROUNDS; round++) {
    for (const size of SIZES) {
      table.growTo(size)
      const lookUp = byNetlink(evidence, size)
      p50(WARM_UP, lookUp)
      netlink[size].push(p50(LOOKUPS, lookUp))
      file[size].push(p50(SEARCHES[size], byFile(site)))
    }
    table.clear()
  }
  evidence.close()
  table.close()
  return { netlink, file }
}

const ratios = (series: Series, size: Size): number[] =>
  series[size].map((value, round) => value / (series[FEW][round] ?? Number.NaN))

const rowsOf = ({ netlink, file }: { netlink: Series; file: Series }): Row[] => [
  {
    question: `look-up of one tracked connection by netlink, table of ${FEW}, p50`,
    reference: 'nothing',
    measured: { kind: 'amount', value: quantile(netlink[FEW], 0.5), unit: 'us' },
    target: {},
  },
  ...([MANY, MOST] as const).flatMap((size): Row[] => [
    {
      question: `look-up of one tracked connection by netlink, table of ${size}`,
      reference: `the same in a table of ${FEW}`,
      measured: { kind: 'ratio', spread: spreadOf(ratios(netlink, size)) },
      target: { atMost: 1.5 },
    },
    {
      question: `search of /proc/net/nf_conntrack, table of ${size}`,
      reference: `the same in a table of ${FEW}`,
      measured: { kind: 'ratio', spread: spreadOf(ratios(file, size)) },
      target: {},
    },
  ]),
]

const site = openSite('conntrack')
try {
  makeRoomFor(MOST * 1.25)
  const measured = measure(site)
  for (const size of SIZES) {
    const [netlink, file] = [quantile(measured.netlink[size], 0.5), quantile(measured.file[size], 0.5)]
    note(`conntrack: table of ${size}: netlink p50 ${netlink.toFixed(2)} us, file p50 ${file.toFixed(0)} us`)
  }
  report(rowsOf(measured))
} finally {
  site.close()
}
