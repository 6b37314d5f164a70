/** dnsmasq in a lab: a real resolver with records of the test's own, that asks nobody. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Lab, Place } from './lab.ts'

export interface DnsmasqOptions {
  readonly place: Exclude<Place, 'workload'>
  readonly address: string
  readonly port?: number
  /** As in /etc/hosts: an address and its names. */
  readonly hosts: readonly string[]
  readonly more?: readonly string[]
  /** Put before the command: `taskset -c 0`. */
  readonly before?: readonly string[]
}

const BASE = [
  ...['--no-daemon', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file=', '--user=root'],
  ...['--bind-interfaces', '--local=/test/', '--local-ttl=60'],
]

/** Resolves once it answers; it ends with the lab. */
export const startDnsmasq = async (
  lab: Lab,
  context: { after(run: () => void): void },
  { place, address, port = 53, hosts, more = [], before = [] }: DnsmasqOptions,
): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-dnsmasq-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'hosts')
  writeFileSync(file, `${hosts.join('\n')}\n`)
  const argv = [
    ...before,
    'dnsmasq',
    ...BASE,
    `--addn-hosts=${file}`,
    `--listen-address=${address}`,
    `--port=${port}`,
    ...more,
  ]
  const started = lab.start(place, ['sh', '-c', 'exec "$@" 2>&1', 'sh', ...argv])
  context.after(() => started.kill())
  await started.said(`read ${file}`)
}
