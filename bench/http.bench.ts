/**
 * Requests per second over kept connections: a mocked answer against a bare node:http server, a forwarded request
 * against the package http-proxy with a keep-alive agent. Same runtime, same core, same answers, the client on the other
 * core together with the upstream, which takes a tenth of it.
 */
import { NET } from '../test/support/lab.ts'
import { CORES, onCore, ROOT } from './support/cores.ts'
import { note, type Row, report } from './support/report.ts'
import { compile, openSite, type Site } from './support/site.ts'
import { spreadOf } from './support/statistics.ts'
import { startUnderstudy, type Understudy } from './support/understudy.ts'
import { rateOf, wrkCommand } from './support/wrk.ts'

const CONNECTIONS = 32
const SECONDS = 1
const ROUNDS = 12
const WARM_UP_SECONDS = 4
const BODY_BYTES = 256
const BARE_PORT = 8001
const PROXY_PORT = 8002

const load = (seconds: number, url: string): string[] => wrkCommand({ connections: CONNECTIONS, seconds, url })

const MOCKED = {
  httpRequest: { method: 'GET', path: '/mocked' },
  httpResponse: { headers: { 'content-type': 'application/json' }, body: 'x'.repeat(BODY_BYTES) },
}

const compare = async (site: Site, understudy: Understudy, path: string, referencePort: number): Promise<number[]> => {
  const subject = async (seconds: number) =>
    rateOf(await understudy.run(load(seconds, `http://${NET.served4}${path}`).join(' ')))
  const reference = async (seconds: number) => {
    const { stdout } = await site.lab.run('app', load(seconds, `http://127.0.0.1:${referencePort}${path}`))
    return rateOf(stdout)
  }
  await reference(WARM_UP_SECONDS)
  await subject(WARM_UP_SECONDS)
  const ratios: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [first, second] = [await subject(SECONDS), await reference(SECONDS)]
    if (round === 0) note(`http: ${path} ${first} against ${second} requests/s`)
    ratios.push(first / second)
  }
  return ratios
}

const startReference = async (site: Site, ...argv: string[]): Promise<void> => {
  const server = `${ROOT}/bench/support/reference-server.ts`
  await site.lab.start('app', onCore(CORES.subject, process.execPath, server, ...argv)).said('ready')
}

const site = openSite('http')
try {
  const responder = compile('responder')
  await site.lab.start('world', onCore(CORES.load, responder, NET.served4, '80', `${BODY_BYTES}`)).said('ready')
  await startReference(site, 'bare', `${BARE_PORT}`, `${BODY_BYTES}`)
  await startReference(site, 'http-proxy', `${PROXY_PORT}`, `http://${NET.served4}:80`)
  const understudy = await startUnderstudy({ netns: site.lab.appNetns, expectations: [MOCKED] })
  const rows: Row[] = [
    {
      question: `mocked requests per second on ${CONNECTIONS} kept connections`,
      reference: 'a bare node:http server',
      measured: { kind: 'ratio', spread: spreadOf(await compare(site, understudy, '/mocked', BARE_PORT)) },
      target: { atLeast: 0.75 },
    },
    {
      question: `forwarded requests per second on ${CONNECTIONS} kept connections`,
      reference: 'http-proxy with a keep-alive agent',
      measured: { kind: 'ratio', spread: spreadOf(await compare(site, understudy, '/forwarded', PROXY_PORT)) },
      target: { atLeast: 2 },
    },
  ]
  const metrics = await understudy.metrics()
  const found = metrics('understudy_resolve_answers_total', { strategy: 'ebpf', kind: 'found' })
  if (found !== metrics('understudy_exchanges_total')) throw new Error('not every exchange was resolved by the kernel')
  await understudy.close()
  report(rows)
} finally {
  site.close()
}
