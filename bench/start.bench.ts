/** From the start of the process to its first answer: `understudy serve` against a bare node:http server. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from './peers/program.ts'
import { CORES, leaveSubjectAlone, onCore, ROOT } from './support/cores.ts'
import { note, report } from './support/report.ts'
import { median, spreadOf } from './support/statistics.ts'

const ROUNDS = 15
const RETRY_MS = 1
const LIMIT_MS = 30_000
const MOST_MS = 400

const BARE = `require('node:http').createServer((_, answer) => answer.end()).listen(+process.argv[1], '127.0.0.1')`

/** Whether somebody answers a request on the port. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n'))
    socket.once('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })

/** Milliseconds from its start to its first answer; it is ended then. */
const timeToAnswer = async (
  argv: readonly string[],
  port: number,
  env: Readonly<Record<string, string>>,
): Promise<number> => {
  const [program = '', ...rest] = onCore(CORES.subject, ...argv)
  const begun = performance.now()
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: 'ignore' })
  const ended = once(child, 'exit')
  try {
    while (!(await answers(port))) {
      if (child.exitCode !== null || performance.now() - begun > LIMIT_MS)
        throw new Error(`${argv.join(' ')} does not answer`)
      await pause(RETRY_MS)
    }
    return performance.now() - begun
  } finally {
    child.kill() // in order, so that what it has compiled is there for the next
    await ended
  }
}

const bare = async (): Promise<number> => {
  const port = await freePort()
  return timeToAnswer([process.execPath, '-e', BARE, `${port}`], port, {})
}
const serve = async (): Promise<number> => {
  const [port, adminPort] = [await freePort(), await freePort()]
  const argv = [join(ROOT, 'bin/understudy'), 'serve', '--port', `${port}`]
  return timeToAnswer(argv, port, { UNDERSTUDY_ADMIN_PORT: `${adminPort}` })
}

leaveSubjectAlone()
await bare()
await serve() // strips the types of what has changed since it last ran
const ours: number[] = []
const theirs: number[] = []
for (let round = 0; round < ROUNDS; round++) {
  ours.push(await serve())
  theirs.push(await bare())
}
note(`start: ${Math.round(median(ours))} ms against ${Math.round(median(theirs))} ms`)
report([
  {
    question: 'start of serve to its first answer',
    reference: 'a limit',
    measured: { kind: 'amount', value: median(ours), unit: 'ms' },
    target: { atMost: MOST_MS },
  },
  {
    question: 'the same',
    reference: 'a bare node:http server',
    measured: { kind: 'ratio', spread: spreadOf(ours.map((ms, round) => ms / (theirs[round] ?? Number.NaN))) },
    target: {},
  },
])
