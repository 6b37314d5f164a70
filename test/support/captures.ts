/** Ways of capturing without BPF, as kernel tests go through them, and what they must not change. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Lab } from './lab.ts'
import type { Options, Stage } from './stage.ts'

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

export interface Variant {
  readonly name: string
  /** What `--capture` is given. */
  readonly mode: 'nft' | 'iptables' | 'tproxy'
  /** What makes the machine one with this variant only. */
  readonly before?: string
  readonly resolvedBy: 'so-original-dst' | 'tproxy'
  /** Whether rules outlive the killing of both understudy and what guards them. */
  readonly isGuarded: boolean
}

/** /usr/sbin without some of its programs, in the mount namespace of one test. */
export const without = (...programs: string[]): string =>
  [
    'mount -t tmpfs none /mnt; mkdir /mnt/real /mnt/shown',
    'mount --bind /usr/sbin /mnt/real',
    'cp -as /mnt/real/. /mnt/shown/',
    ...programs.map((program) => `rm /mnt/shown/${program}`),
    'mount --bind /mnt/shown /usr/sbin',
  ].join('\n')

/** The system's alternatives (update-alternatives(1)), all of iptables' to one variant. */
const alternatives = (variant: string): string =>
  [
    'mount -t tmpfs none /etc/alternatives',
    ...['iptables', 'ip6tables'].flatMap((tool) =>
      ['', '-restore', '-save'].map(
        (what) => `ln -s /usr/sbin/${tool}-${variant}${what} /etc/alternatives/${tool}${what}`,
      ),
    ),
  ].join('\n')

export const VARIANTS: readonly Variant[] = [
  { name: 'nft', mode: 'nft', resolvedBy: 'so-original-dst', isGuarded: false },
  {
    name: 'iptables (nft)',
    mode: 'iptables',
    before: alternatives('nft'),
    resolvedBy: 'so-original-dst',
    isGuarded: true,
  },
  {
    name: 'iptables (legacy)',
    mode: 'iptables',
    before: alternatives('legacy'),
    resolvedBy: 'so-original-dst',
    isGuarded: true,
  },
  { name: 'tproxy (nft)', mode: 'tproxy', resolvedBy: 'tproxy', isGuarded: true },
  { name: 'tproxy (iptables)', mode: 'tproxy', before: without('nft'), resolvedBy: 'tproxy', isGuarded: true },
]

const inApp = (lab: Lab, ...argv: string[]): string => {
  const result = spawnSync('nsenter', [`--net=${lab.appNetns}`, ...argv], { encoding: 'utf8', env: { PATH } })
  if (result.status !== 0) throw new Error(`${argv.join(' ')}: ${result.stderr}`)
  return result.stdout
}

/** Every rule, route and table of the app's namespace that one of the tools shows, without counters and times. */
export const rulesIn = (lab: Lab): string =>
  [
    inApp(lab, 'nft', '-s', 'list', 'ruleset'),
    ...['iptables-legacy-save', 'ip6tables-legacy-save'].map((tool) => inApp(lab, tool)),
    ...['-4', '-6'].flatMap((family) => [
      inApp(lab, 'ip', family, 'rule', 'show'),
      inApp(lab, 'ip', family, 'route', 'show', 'table', 'all', 'type', 'local'),
    ]),
  ]
    .join('\n')
    .replace(/^#.*$/gm, '')
    .replace(/\[\d+:\d+\]/g, '')

/** Rules of somebody else's in every place where ours go. */
export const addForeignRules = (lab: Lab): void => {
  const nft = 'add table inet foreign; add chain inet foreign out { type nat hook output priority -100; }'
  inApp(lab, 'nft', `${nft}; add rule inet foreign out udp dport 9 counter`)
  for (const tool of ['iptables-nft', 'ip6tables-nft', 'iptables-legacy', 'ip6tables-legacy']) {
    for (const table of ['nat', 'mangle']) {
      inApp(lab, tool, '-w', '5', '-t', table, '-N', 'FOREIGN')
      inApp(lab, tool, '-w', '5', '-t', table, '-A', 'OUTPUT', '-p', 'udp', '-j', 'FOREIGN')
      inApp(lab, tool, '-w', '5', '-t', table, '-A', 'PREROUTING', '-p', 'udp', '-j', 'FOREIGN')
    }
  }
  for (const family of ['-4', '-6']) {
    inApp(lab, 'ip', family, 'rule', 'add', 'pref', '40', 'fwmark', '0x539', 'lookup', '133')
    inApp(lab, 'ip', family, 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', '133')
  }
}

export type Line = Readonly<Record<string, unknown>>

/** The exchanges of a record file. */
export const exchangesIn = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Line)
    .filter(({ kind }) => kind === 'exchange')

export interface Captured {
  readonly args: string[]
  readonly options: Options
  exchanges(): Line[]
}

/** `run --capture` of a variant with a record file of its own. */
export const runWith = (stage: Stage, context: TestContext, variant: Variant, ...more: string[]): Captured => {
  const record = join(stage.folder(context), 'record.ndjson')
  return {
    args: ['run', '--capture', variant.mode, '--record', record, ...more],
    options: variant.before === undefined ? {} : { before: variant.before },
    exchanges: () => exchangesIn(record),
  }
}
