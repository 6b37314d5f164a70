/** Installs the packages of the peers where they are not there as the lock file has them. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { note } from '../support/report.ts'

const FOLDER = import.meta.dirname
const LOCK = join(FOLDER, 'package-lock.json')
/** The lock file that was installed from. */
const STAMP = join(FOLDER, 'node_modules/.installed-lock.json')

/** Scripts of packages are not run, and what is optional is left out: no peer needs either to answer plain requests. */
export const installPeers = (): void => {
  const lock = readFileSync(LOCK, 'utf8')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return
  note('peers: npm ci …')
  execFileSync('npm', ['ci', '--ignore-scripts', '--omit=optional', '--loglevel=error'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  writeFileSync(STAMP, lock)
}
