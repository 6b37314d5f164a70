/**
 * Resident memory of `understudy serve` with default limits while its event log takes a million requests: heads as
 * clients send them, every fourth with a JSON body.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { subject } from './peers/understudy.ts'
import { leaveSubjectAlone } from './support/cores.ts'
import { highestResidentMib, residentMib } from './support/process-usage.ts'
import { note, type Row, report } from './support/report.ts'
import { type Asked, measureRate, writeScript } from './support/wrk.ts'

const REQUESTS = 1_000_000
const CONNECTIONS = 32
const SECONDS = 5
const QUIET_MS = 5000
const PATHS = 1000
const SAMPLE_MS = 100
const MOST_MIB = 150

const HEADERS = {
  accept: 'application/json',
  'accept-encoding': 'gzip, deflate',
  'user-agent': 'orders-service/2.4.1 (benchmark)',
  'x-request-id': '5b1f4a3e-7c0d-4f0e-9a54-3f5d0d2f8f11',
}

const asked: Asked[] = Array.from({ length: PATHS }, (_, index) =>
  index % 4 === 3
    ? {
        method: 'POST',
        path: `/api/orders/${index}`,
        headers: HEADERS,
        body: JSON.stringify({ index, article: 'abc', text: 'x'.repeat(200) }),
      }
    : { method: 'GET', path: `/api/orders/${index}?expand=lines`, headers: HEADERS },
)

leaveSubjectAlone()
const running = await subject.start()
const { pid, url } = running
try {
  await running.load([{ path: { pattern: '/api/orders/[0-9]+' }, answer: JSON.stringify({ fill: 'x'.repeat(240) }) }])
  const script = writeScript('log-memory', asked)
  const samples: number[] = []
  const sampler = setInterval(() => samples.push(residentMib(pid)), SAMPLE_MS)
  const before = residentMib(pid)
  let requests = 0
  while (requests < REQUESTS)
    requests += SECONDS * (await measureRate({ connections: CONNECTIONS, seconds: SECONDS, url, script }))
  const after = residentMib(pid)
  clearInterval(sampler)
  const highest = highestResidentMib(pid)
  note(
    `log-memory: ${samples
      .filter((_, at) => at % 20 === 0)
      .map(Math.round)
      .join(' ')} MiB`,
  )
  await pause(QUIET_MS)
  const row = (question: string, mib: number, atMost?: number): Row => ({
    question: `resident memory of serve ${question}`,
    reference: 'a limit',
    measured: { kind: 'amount', value: mib, unit: 'MiB' },
    target: atMost === undefined ? {} : { atMost },
  })
  report([
    row('before the first request', before),
    row('as the last of a million requests in its event log is answered', after, MOST_MIB),
    row('at the most during them', highest, MOST_MIB),
    row(`${QUIET_MS / 1000} s after them`, residentMib(pid), MOST_MIB),
  ])
} finally {
  await running.close()
}
