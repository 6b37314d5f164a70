/** Connections that the programs leave alone, in turn with the same ones where no program is attached. */
import { NET } from '../../test/support/lab.ts'
import type { ConnectLoop } from './connect-loop.ts'
import { note, type Row, type Target } from './report.ts'
import type { Site } from './site.ts'
import { spreadOf } from './statistics.ts'

const ROUNDS = 60

export interface Case {
  readonly question: string
  /** NET.app4 is the first listener of the loop, any other address the second. */
  readonly address: string
  readonly connections: number
  readonly exchanges: number
}

/** Set-up and end alone, and with one request on the same machine and to another. */
export const shortConnections = (kind: string): Case[] => [
  {
    question: `${kind} connection opened and closed without a byte, over loopback`,
    address: NET.app4,
    connections: 1000,
    exchanges: 0,
  },
  {
    question: `${kind} connection with one request, over loopback`,
    address: NET.app4,
    connections: 800,
    exchanges: 1,
  },
  {
    question: `${kind} connection with one request, to another namespace`,
    address: NET.served4,
    connections: 800,
    exchanges: 1,
  },
]

export interface Beside {
  /** For who watches. */
  readonly name: string
  /** The cgroup that the programs are attached to. */
  readonly cgroup: string
  readonly port: number
  /** Takes what the programs have written; not timed. */
  readonly drain: () => void
  readonly target: Target
}

/** The ratio of what one kind of connection costs with the programs to what it costs without. */
export const besideDirect = async (site: Site, loop: ConnectLoop, one: Case, beside: Beside): Promise<Row> => {
  const { address, connections, exchanges } = one
  const listener = address === NET.app4 ? 0 : 1
  const order = { listener, address, port: beside.port, connections, exchanges, resolve: false }
  const ratios: number[] = []
  for (let round = -4; round < ROUNDS; round++) {
    const subject = await loop.run({ ...order, cgroup: beside.cgroup })
    beside.drain()
    const direct = await loop.run({ ...order, cgroup: site.outside })
    if (round >= 0) ratios.push(subject.ns / direct.ns)
    if (round === 0) note(`${beside.name}: ${Math.round(direct.ns / connections)} ns a connection, direct`)
  }
  return {
    question: one.question,
    reference: 'the same connection where no program is attached',
    measured: { kind: 'ratio', spread: spreadOf(ratios) },
    target: beside.target,
  }
}
