/**
 * Runs every benchmark in turn and prints one table: `node bench/all.ts [NAME…]`. Those that install packages only run
 * by name.
 */
import { fork } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { note, type Row, tableOf } from './support/report.ts'

const FOLDER = import.meta.dirname
const LIMIT_MS = 120_000
/** Those that only run by name, with the time they take at the most. */
const BY_NAME: Readonly<Record<string, number>> = { peers: 1_800_000 }

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

const wanted = process.argv.slice(2)
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
