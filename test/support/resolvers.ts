/**
 * Real programs that look a name up, each with a resolver of another make, inside a lab and with a resolv.conf of the
 * test's own:
 *
 *   RESOLVERS                                        'glibc', 'musl', 'go', 'java'
 *   missingFor(resolver)                             the Debian package that is not installed, or undefined
 *   lookUp(lab, resolver, name, { resolvConf })      → { addresses, isFound, finished }
 *
 * `resolvConf` is the text of /etc/resolv.conf (`nameserver 127.0.0.1\n`). The program runs in a mount namespace of its
 * own, in `place` (default the workload: `app` and its cgroup) or, with `cgroup`, in that cgroup. The libraries go about
 * it differently, which is why there are four: glibc asks for A and AAAA on one connected UDP socket and, with
 * `options use-vc`, over TCP; musl sends on an unconnected UDP socket to all nameservers at once and checks where the
 * answers come from; Go has a resolver of its own; Java goes through glibc.
 *
 * Go and Java tell nothing but how a connection went: hey's error names the address it dialled (a closed port is
 * enough, `port`), Java only tells a name that was not found from one that was (`addresses` stays empty).
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finished, Lab, Place } from './lab.ts'

export const RESOLVERS = ['glibc', 'musl', 'go', 'java'] as const
export type Resolver = (typeof RESOLVERS)[number]

export interface LookUpOptions {
  readonly resolvConf: string
  readonly place?: Place
  readonly cgroup?: string
  /** Where Go and Java connect to once they have an address; nobody needs to listen there. */
  readonly port?: number
}

export interface LookedUp {
  /** As the program printed them, without repetition; empty for Java. */
  readonly addresses: readonly string[]
  readonly isFound: boolean
  readonly finished: Finished
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCE = join(ROOT, 'test/fixtures/dns/look-up.c')
const MUSL_PROGRAM = join(ROOT, 'build/test/look-up-musl')
const CLOSED_PORT = 9

/** What provides each resolver: a program, and the Debian package it is in. */
const PROGRAMS: Readonly<Record<Resolver, { readonly path: string; readonly debian: string }>> = {
  glibc: { path: '/usr/bin/getent', debian: 'libc-bin' },
  musl: { path: '/usr/bin/musl-gcc', debian: 'musl-tools' },
  go: { path: '/usr/bin/hey', debian: 'hey' },
  java: { path: '/usr/bin/keytool', debian: 'default-jre-headless' },
}

/** The Debian package that this machine lacks for `resolver`. */
export const missingFor = (resolver: Resolver): string | undefined =>
  existsSync(PROGRAMS[resolver].path) ? undefined : PROGRAMS[resolver].debian

const muslProgram = (): string => {
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  if (!existsSync(MUSL_PROGRAM) || statSync(MUSL_PROGRAM).mtimeMs < statSync(SOURCE).mtimeMs) {
    execFileSync('musl-gcc', [
      '-std=gnu11',
      '-O2',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-static',
      SOURCE,
      '-o',
      MUSL_PROGRAM,
    ])
  }
  return MUSL_PROGRAM
}

const commandOf = (resolver: Resolver, name: string, port: number): string[] => {
  switch (resolver) {
    case 'glibc':
      return ['getent', 'ahosts', name]
    case 'musl':
      return [muslProgram(), name]
    case 'go':
      return ['env', 'GODEBUG=netdns=go', 'hey', '-n', '1', '-c', '1', '-t', '8', `http://${name}:${port}/`]
    case 'java':
      return ['keytool', '-v', '-printcert', '-sslserver', `${name}:${port}`]
  }
}

/** Whatever the text holds that is an address, alone on a line, at its start, or in Go's `dial tcp ADDRESS:PORT:`. */
const addressesIn = ({ stdout, stderr }: Finished): string[] => {
  const words = `${stdout}\n${stderr}`.matchAll(/(?:^|dial tcp )(?:\[([^\]\s]+)\]|([\d.]+))(?::\d+:)|^(\S+)/gm)
  const found = [...words].map(([, bracketed, dotted, first]) => bracketed ?? dotted ?? first ?? '')
  return [...new Set(found.filter((word) => isIP(word) !== 0))]
}

const isFound = (resolver: Resolver, { code, stdout, stderr }: Finished): boolean => {
  const said = stdout + stderr
  if (resolver === 'go') return !/dial tcp: lookup/.test(said)
  if (resolver === 'java') return !/UnknownHostException/.test(said)
  return code === 0
}

/** Bind mounts over the two files that decide how names are looked up, seen by this program only. */
const MOUNTED = `mount --bind "$1/resolv.conf" /etc/resolv.conf && mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf &&
shift && exec "$@"`

/** Looks `name` up as one program of that make would, once. Throws only where the program cannot be run at all. */
export const lookUp = async (
  lab: Lab,
  resolver: Resolver,
  name: string,
  { resolvConf, place = 'workload', cgroup, port = CLOSED_PORT }: LookUpOptions,
): Promise<LookedUp> => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-look-up-'))
  try {
    writeFileSync(join(folder, 'resolv.conf'), resolvConf)
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n')
    const inside = ['unshare', '--mount', 'sh', '-c', MOUNTED, 'look-up', folder]
    const finished = await lab.run(place, [...inside, ...commandOf(resolver, name, port)], cgroup)
    return { addresses: addressesIn(finished), isFound: isFound(resolver, finished), finished }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
