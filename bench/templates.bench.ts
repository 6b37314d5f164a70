/**
 * Requests per second of an answer that a template makes against the same answer written out: one server, one core, the
 * client on the other, each template in turn with the literal.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CORES, onCore, ROOT } from './support/cores.ts'
import { note, type Row, report } from './support/report.ts'
import { spreadOf } from './support/statistics.ts'

const CONNECTIONS = 32
const SECONDS = 1
const ROUNDS = 10
const PORT = 18087

const TEMPLATES = {
  VELOCITY: `{ 'statusCode': 200, 'headers': { 'x-path': ['$request.path'] }, 'body': "$request.method of $request.headers['Host'][0]" }`,
  MUSTACHE: `{ 'statusCode': 200, 'headers': { 'x-path': ['{{request.path}}'] }, 'body': "{{request.method}} of {{request.headers.Host.0}}" }`,
  JAVASCRIPT: `return { statusCode: 200, headers: { 'x-path': [request.path] }, body: request.method + ' of ' + request.headers['Host'][0] }`,
} as const

const expectations = [
  {
    httpRequest: { path: '/LITERAL' },
    httpResponse: { headers: { 'x-path': '/LITERAL' }, body: `GET of 127.0.0.1:${PORT}` },
  },
  ...Object.entries(TEMPLATES).map(([templateType, template]) => ({
    httpRequest: { path: `/${templateType}` },
    httpResponseTemplate: { templateType, template },
  })),
]

const rateOf = (path: string, seconds = SECONDS): number => {
  const url = `http://127.0.0.1:${PORT}/${path}`
  const [program = '', ...args] = onCore(CORES.load, 'wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, url)
  const printed = execFileSync(program, args, { encoding: 'utf8' })
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1])
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(printed)) throw new Error(`the load went wrong: ${printed}`)
  return rate
}

const folder = mkdtempSync(join(tmpdir(), 'understudy-bench-'))
const file = join(folder, 'templates.json')
writeFileSync(file, JSON.stringify(expectations))
const [program = '', ...args] = onCore(
  CORES.subject,
  process.execPath,
  `${ROOT}/src/main.ts`,
  'serve',
  '--port',
  `${PORT}`,
  '--expectations',
  file,
)
const server = spawn(program, args, {
  stdio: ['ignore', 'ignore', 'inherit'],
  env: { ...process.env, UNDERSTUDY_ADMIN_ENABLED: 'false', UNDERSTUDY_LOG_LEVEL: 'warn' },
})
const reached = async (): Promise<boolean> =>
  fetch(`http://127.0.0.1:${PORT}/LITERAL`).then(
    ({ ok }) => ok,
    () => false,
  )
try {
  while (!(await reached())) if (server.exitCode !== null) throw new Error('the server ended')
  const rows: Row[] = []
  for (const type of Object.keys(TEMPLATES)) {
    rateOf('LITERAL')
    rateOf(type)
    const ratios: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [subject, reference] = [rateOf(type), rateOf('LITERAL')]
      if (round === 0) note(`templates: ${type} ${subject} against ${reference} requests/s`)
      ratios.push(subject / reference)
    }
    rows.push({
      question: `answers of a ${type} template per second on ${CONNECTIONS} kept connections`,
      reference: 'the same answer, written out',
      measured: { kind: 'ratio', spread: spreadOf(ratios) },
      target: {},
    })
  }
  report(rows)
} finally {
  server.kill()
  await once(server, 'exit')
  rmSync(folder, { recursive: true })
}
