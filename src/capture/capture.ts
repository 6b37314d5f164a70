/** What every way of capturing a command's connections without BPF has in common. */
import { UnderstudyError } from '../errors.ts'

export type CaptureMode = 'ebpf' | 'nft' | 'iptables' | 'tproxy' | 'none'

/** A cgroup as the three tools name it. */
export interface CgroupAddress {
  /** Its folder. */
  readonly folder: string
  /** Its path below the root of the cgroup2 hierarchy (of our cgroup namespace), without a slash in front. */
  readonly path: string
  /** How deep that is; the root is 0. */
  readonly level: number
}

/** Which connections of the command are left alone; the same settings that the BPF programs have as their policy. */
export interface Scope {
  readonly interceptLoopback: boolean
  readonly interceptLinkLocal: boolean
  readonly excludePorts: readonly { readonly from: number; readonly to: number }[]
  readonly excludeCidrs: readonly { readonly address: string; readonly prefix: number }[]
}

/** The listeners on 127.0.0.1 and ::1; 0 where there is none. */
export interface Ports {
  readonly port4: number
  readonly port6: number
}

/** Where the rules go and whom they are for. */
export interface Target {
  /** Of the run; letters, digits and dashes, at most 17 of them. */
  readonly id: string
  /** The network namespace; a descriptor of it, -1 for our own. */
  readonly netnsFd: number
  readonly cgroup: CgroupAddress
  readonly scope: Scope
}

/** What has to be taken away by whoever comes after us, as it stands in the state file. */
export interface LeftRules {
  /** Whose: the run's id is part of every name. */
  readonly id: string
  /** What made them. */
  readonly tool: 'iptables' | 'nft'
  readonly isTproxy: boolean
  /** Which mark and routing table (tproxy). */
  readonly slot: number
}

export interface StartPorts {
  /** Writes down what is about to be made, before it is; undefined = nothing is left. */
  readonly note: (left: LeftRules | undefined) => void
  /** Sends one SYN to port 0 of 127.0.0.1 from the command's cgroup and namespace; 0, or -errno where none went out. */
  readonly knock: () => number
  /** What keeps the rules has died before its time. */
  readonly onLost: (why: string) => void
}

export interface Capture {
  readonly name: 'nft' | 'iptables' | 'tproxy'
  /** Whether its listeners must be transparent: then nothing is rewritten. */
  readonly isTransparent: boolean
  /** Whether tool and kernel take such rules, without making any. Throws CAPTURE_REFUSED. */
  check(target: Target): Promise<void>
  /** Makes the rules; from here on the command's connections come to the listeners. Throws CAPTURE_REFUSED. */
  start(target: Target, listeners: Ports, ports: StartPorts): Promise<void>
  /** Takes them away again; without any it does nothing. Throws CAPTURE_REFUSED where some stay. */
  stop(): Promise<void>
}

const REMEDIES: readonly [pattern: RegExp, remedy: string][] = [
  [
    /ENOENT|not found|failed to execute/i,
    'Install it (Debian and Ubuntu: apt-get install nftables iptables iproute2).',
  ],
  [/Operation not permitted|Permission denied/i, 'CAP_NET_ADMIN is needed in the network namespace of the command.'],
]

/** An error that says what a tool or the kernel has refused. */
export const refused = (mode: string, said: string, remedy?: string): UnderstudyError =>
  new UnderstudyError('CAPTURE_REFUSED', `capture ${mode}: ${said.trim() || 'no reason was given'}`, {
    remedy:
      remedy ??
      REMEDIES.find(([pattern]) => pattern.test(said))?.[1] ??
      'Use another --capture; `understudy doctor` tells which ones work here.',
  })
