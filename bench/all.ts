/**
 * Runs every benchmark in turn and prints one table: `node bench/all.ts [NAME…]`. Those that install packages or need a
 * container runtime only run by name; `node` is all of the latter.
 */
import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { note, type Row, tableOf } from './support/report.ts'

const FOLDER = import.meta.dirname
const LIMIT_MS = 120_000
/** Those that only run by name, with the time they take at the most. */
const BY_NAME: Readonly<Record<string, number>> = {
  peers: 1_800_000,
  ...{ enrolment: 600_000, 'node-memory': 600_000, restart: 600_000, 'api-away': 600_000 },
  ...{ 'not-enrolled': 600_000, 'pod-list': 600_000 },
}
/** Names of several: what pods of a node notice of an agent. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  node: ['enrolment', 'node-memory', 'restart', 'api-away', 'not-enrolled', 'pod-list', 'kube-list'],
}

const nameOf = (file: string): string => file.split('.')[0] ?? ''

/** The rows that one benchmark sent; it is killed when it takes too long. */
const run = (file: string): Promise<Row[]> =>
  new Promise((resolve, reject) => {
    const rows: Row[] = []
    const child = fork(`${FOLDER}/${file}`, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const limit = setTimeout(() => child.kill(), BY_NAME[nameOf(file)] ?? LIMIT_MS)
    child.on('message', (message) => rows.push(...(message as Row[])))
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      clearTimeout(limit)
      if (code === 0) resolve(rows)
      else reject(new Error(`${file} ended with ${code ?? signal}`))
    })
  })

const wanted = process.argv.slice(2).flatMap((name) => GROUPS[name] ?? [name])
const files = readdirSync(FOLDER)
  .filter(
    (name) =>
      name.endsWith('.bench.ts') && (wanted.length === 0 ? !(nameOf(name) in BY_NAME) : wanted.includes(nameOf(name))),
  )
  .sort()
const rows: Row[] = []
for (const file of files) {
  note(`${file} …`)
  try {
    rows.push(...(await run(file)))
  } catch (error) {
    note(String(error))
    process.exitCode = 1
  }
}
console.log(tableOf(rows))
