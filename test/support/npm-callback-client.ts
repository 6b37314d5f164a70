/** The npm client of MockServer with a callback, in a process of its own (callback-process.ts). */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** Starts the npm client, and gives what it says once it has registered. */
export const npmClient = async (t: TestContext, ...args: readonly unknown[]): Promise<unknown> => {
  const cwd = mkdtempSync(join(tmpdir(), 'callback-'))
  // Without it, the client fetches one from the Internet, even for connections without TLS.
  writeFileSync(join(cwd, 'CertificateAuthorityCertificate.pem'), '')
  const child = fork(new URL('./callback-process.ts', import.meta.url), args.map(String), { cwd })
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(cwd, { recursive: true })
  })
  const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  return said
}
