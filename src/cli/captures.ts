/** The rows of `understudy doctor` on the ways of capturing connections, each proved in a namespace of its own. */
import { PREFERENCE } from '../capture/choose.ts'
import type { Finding } from '../kernel/features.ts'
import { makeThrowawayNetns } from '../run/throwaway-netns.ts'
import { type ProvedCapture, type SelfTest, selfTest } from './self-test.ts'

const MODES = ['ebpf', 'nft', 'iptables', 'tproxy'] as const satisfies readonly ProvedCapture[]
/** What brought what each of them needs. */
const SINCE = { ebpf: '5.10', nft: '5.13', iptables: '4.5', tproxy: '5.13' } as const
const INSTEAD = {
  ebpf: 'nft, else iptables',
  nft: 'iptables',
  iptables: 'ebpf or nft',
  tproxy: 'any of the others',
} as const

export interface Captures {
  readonly findings: readonly Finding[]
  /** What `--capture auto` takes here; undefined where nothing works. */
  readonly auto: string | undefined
}

const finding = (mode: ProvedCapture, state: Finding['state'], here: string, remedy = ''): Finding => ({
  feature: `capture: ${mode}`,
  state,
  here,
  since: SINCE[mode],
  required: false,
  instead: state === 'missing' ? `\`understudy run\` takes ${INSTEAD[mode]}.` : '',
  remedy,
})

const rows = (proofs: Readonly<Record<ProvedCapture, SelfTest>>): Captures => {
  const auto = PREFERENCE.find((mode) => proofs[mode].ok)
  return {
    auto,
    findings: MODES.map((mode) => {
      const { ok, said, remedy } = proofs[mode]
      if (ok) return finding(mode, 'ok', mode === auto ? 'works, and is what auto takes' : 'works')
      return finding(mode, 'missing', said, remedy)
    }),
  }
}

/** Nobody could ask. */
export const untriedCaptures = (why: string): Captures => ({
  auto: undefined,
  findings: MODES.map((mode) => finding(mode, 'unknown', `not tried: ${why}`)),
})

/** Tries every way that makes rules, away from the machine's own; `ebpf` has been tried already. */
export const tryCaptures = async (ebpf: SelfTest): Promise<Captures> => {
  const netns = await makeThrowawayNetns()
  if ('why' in netns) {
    const not: SelfTest = { ok: false, said: `no network namespace to try it in: ${netns.why}`, remedy: '' }
    return rows({ ebpf, nft: not, iptables: not, tproxy: not })
  }
  try {
    const at = (capture: ProvedCapture): Promise<SelfTest> => selfTest({ capture, netns: netns.path })
    return rows({ ebpf, nft: await at('nft'), iptables: await at('iptables'), tproxy: await at('tproxy') })
  } finally {
    await netns.close()
  }
}
