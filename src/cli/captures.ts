/** The rows of `understudy doctor` on the ways of capturing connections, from what was proved. Pure. */
import { PREFERENCE } from '../capture/choose.ts'
import type { Finding } from '../kernel/features.ts'
import type { Proof } from './proof.ts'
import type { ProvedCapture } from './self-test.ts'

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

/** A row for each way. */
export const captureFindings = (proofs: Readonly<Record<ProvedCapture, Proof>>): Captures => {
  const auto = PREFERENCE.find((mode) => proofs[mode].state === 'ok')
  return {
    auto,
    findings: MODES.map((mode) => {
      const { state, said, remedy } = proofs[mode]
      if (state === 'ok') return finding(mode, 'ok', mode === auto ? 'works, and is what auto takes' : 'works')
      return finding(mode, state, said, remedy)
    }),
  }
}

/** Nobody could try. */
export const untriedCaptures = (why: string): Captures => ({
  auto: undefined,
  findings: MODES.map((mode) => finding(mode, 'unknown', `not tried: ${why}`)),
})
