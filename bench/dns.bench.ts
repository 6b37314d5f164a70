/**
 * What does an answer cost that comes through our DNS server, and does one get lost? A real resolver (dnsmasq) asked
 * directly and through us, in turns, by a client that times each query. Resolver and server share a core, the client
 * has the other one: on one core the resolver would answer without a wake-up, which no real resolver does.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startDnsmasq } from '../test/support/dnsmasq.ts'
import { CORES, onCore } from './support/cores.ts'
import { note, type Row, report } from './support/report.ts'
import { compile, openSite, type Site } from './support/site.ts'
import { spreadOf } from './support/statistics.ts'

const SERVER = fileURLToPath(new URL('../test/fixtures/dns/server.ts', import.meta.url))
const HOST = '127.0.0.1'
const PORTS = { direct: 5301, uncached: 5302, cached: 5303 } as const
type Way = keyof typeof PORTS

const NAMES = 200
const ROUNDS = 20
const WARM_UP = 4
const QUERIES = 1000
const MANY = 100_000
const DEPTH = 64

const startServer = async ({ lab }: Site, way: 'uncached' | 'cached'): Promise<void> => {
  const orders = {
    udp: [{ address: HOST, port: PORTS[way] }],
    tcp: [],
    upstream: { address: HOST, port: PORTS.direct },
    expected: [],
    cacheEntries: way === 'cached' ? 2 * NAMES : 0,
  }
  await lab.start('app', onCore(CORES.subject, process.execPath, SERVER, JSON.stringify(orders))).said('ready')
}

/** Sends orders to bench/dns-ask.c and reads the numbers it answers with. */
const startClient = ({ lab }: Site) => {
  const child = spawn('nsenter', [`--net=${lab.appNetns}`, ...onCore(CORES.load, compile('dns-ask'))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => {}) // it ended: the answer that does not come says so
  const lines: AsyncIterator<string> = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const order = async (...words: readonly (string | number)[]): Promise<readonly number[]> => {
    child.stdin.write(`${words.join(' ')}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('dns-ask ended without an answer')
    return String(value).split(' ').map(Number)
  }
  return {
    /** The median of one query after the other, nanoseconds, and how many were lost. */
    one: (way: Way) => order('one', HOST, PORTS[way], QUERIES, NAMES),
    many: (way: Way) => order('many', HOST, PORTS[way], MANY, NAMES, DEPTH),
    close: () => void child.kill(),
  }
}

type Client = ReturnType<typeof startClient>

const ratios = async (client: Client): Promise<Row[]> => {
  const measured: Record<'uncached' | 'cached', number[]> = { uncached: [], cached: [] }
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const [direct = 0, , lost = 0] = await client.one('direct')
    for (const way of ['uncached', 'cached'] as const) {
      const [p50 = 0, , missed = 0] = await client.one(way)
      if (lost + missed > 0) throw new Error(`${lost} and ${missed} answers were lost`)
      if (round >= 0) measured[way].push(p50 / direct)
    }
    if (round === 0) note(`dns: median of a direct answer ${Math.round(direct / 1000)} µs`)
  }
  return (['uncached', 'cached'] as const).map((way) => ({
    question: `median time of a DNS answer through us, ${way === 'cached' ? 'kept from before' : 'asked for each time'}`,
    reference: 'dnsmasq asked directly',
    measured: { kind: 'ratio', spread: spreadOf(measured[way]) },
    target: { atMost: 2 },
  }))
}

const losses = async (client: Client): Promise<Row[]> => {
  const rows: Row[] = []
  for (const way of ['uncached', 'cached'] as const) {
    const [answered = 0, lost = Number.NaN, ns = 0] = await client.many(way)
    note(`dns: ${answered} answers in ${Math.round(ns / 1e6)} ms, ${DEPTH} at once, ${way}`)
    rows.push({
      question: `DNS answers lost of ${MANY}, ${DEPTH} at once, ${way === 'cached' ? 'kept' : 'asked for each time'}`,
      reference: 'what the client asked',
      measured: { kind: 'amount', value: lost, unit: '' },
      target: { atMost: 0 },
    })
  }
  return rows
}

const site = openSite('dns')
const undo: (() => void)[] = []
try {
  await startDnsmasq(
    site.lab,
    { after: (run) => void undo.push(run) },
    {
      place: 'app',
      address: HOST,
      port: PORTS.direct,
      hosts: Array.from({ length: NAMES }, (_, i) => `10.9.${i >> 8}.${i & 255} host-${i}.bench.test`),
      before: onCore(CORES.subject),
    },
  )
  await startServer(site, 'uncached')
  await startServer(site, 'cached')
  const client = startClient(site)
  report([...(await ratios(client)), ...(await losses(client))])
  client.close()
} finally {
  for (const run of undo) run()
  site.close()
}
