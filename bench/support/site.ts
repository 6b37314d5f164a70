/** Where a benchmark runs: two network namespaces of its own and a cgroup tree, gone again at its end. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createLab, type Lab, requireKernel } from '../../test/support/lab.ts'
import { BUILT, ROOT } from './cores.ts'

/** Many short connections from one address: ports must not run out, and the table of closed ones not overflow. */
const SYSCTLS = [
  'net.ipv4.ip_local_port_range=2000 65000',
  'net.ipv4.tcp_tw_reuse=1',
  'net.ipv4.tcp_max_tw_buckets=262144',
  'net.core.somaxconn=8192',
]

export interface Site {
  readonly lab: Lab
  /** A cgroup that no program is attached to. */
  readonly outside: string
  close(): void
}

/** Throws where this machine cannot load the programs. */
export const openSite = (name: string): Site => {
  const why = requireKernel()
  if (why) throw new Error(`this benchmark cannot run here: ${why}`)
  const lab = createLab(`bench-${name}`)
  for (const netns of [lab.appNetns, lab.worldNetns]) {
    execFileSync('nsenter', [`--net=${netns}`, 'sysctl', '-qw', ...SYSCTLS])
  }
  const { tree } = lab.addCgroups('bench')
  return { lab, outside: tree, close: lab.close }
}

/** Compiles bench/NAME.c where it has changed; returns the program's path. */
export const compile = (name: string): string => {
  const source = join(ROOT, `bench/${name}.c`)
  const program = join(BUILT, name)
  mkdirSync(BUILT, { recursive: true })
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread', source, '-o', program])
  }
  return program
}
