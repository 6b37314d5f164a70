/**
 * What does it cost the connections of a pod that is not enrolled that an agent is on its node? The whole agent with its
 * defaults, and the pod's own cgroup, in turn with the same connections from a cgroup that is no pod's.
 * The time is the processor's, so that a machine that has other work to do disturbs it less.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readlinkSync } from 'node:fs'
import { loadShim } from '../src/kernel/shim.ts'
import { SHIM_PATH } from '../test/support/lab.ts'
import type { AgentLab } from '../test/support/mini-node/agent-lab.ts'
import type { Pod } from '../test/support/mini-node/interface.ts'
import { NODE_NET } from '../test/support/mini-node/runtime-config.ts'
import { type ConnectLoop, startConnectLoop } from './support/connect-loop.ts'
import { leaveSubjectAlone } from './support/cores.ts'
import { count, onNode, pause } from './support/on-node.ts'
import { note, type Row, report } from './support/report.ts'
import { spreadOf } from './support/statistics.ts'

const ROUNDS = count('rounds', 60)
const CONNECTIONS = 500
const PORT = 8081
const BACKLOG = 4096
/** The agent drains what the programs have written twenty times a second. */
const DRAIN_MS = 60
const WITHIN = { atLeast: 0.97, atMost: 1.05 }
/** Many short connections from one address, as in support/site.ts. */
const SYSCTLS = [
  'net.ipv4.ip_local_port_range=2000 65000',
  'net.ipv4.tcp_tw_reuse=1',
  'net.ipv4.tcp_max_tw_buckets=262144',
]

interface Case {
  readonly question: string
  /** Which of the listeners accepts, in the pod and outside of it. */
  readonly listeners: { readonly pod: number; readonly outside: number }
  readonly address: string
  readonly exchanges: number
  readonly target: Row['target']
}

/** Listeners: 0 in the pod's network and no pod's cgroup, 1 in the node's, 2 in the pod's network and its cgroup. */
const casesOf = (pod: Pod): Case[] => [
  {
    question: 'set-up and end, the client in the pod, over loopback',
    listeners: { pod: 0, outside: 0 },
    ...{ address: pod.ip, exchanges: 0, target: WITHIN },
  },
  {
    question: 'one request, the client in the pod, to the node',
    listeners: { pod: 1, outside: 1 },
    ...{ address: NODE_NET.served4, exchanges: 1, target: WITHIN },
  },
  {
    question: 'set-up and end, both ends in the pod, over loopback',
    listeners: { pod: 2, outside: 0 },
    ...{ address: pod.ip, exchanges: 0, target: {} },
  },
]

const open = (lab: AgentLab, pod: Pod): ConnectLoop => {
  const shim = loadShim(SHIM_PATH)
  const listen = (cgroup: string, path: string, address: string, port: number): number => {
    const netns = shim.call('understudy_open_netns', path)
    const fd = shim.call('understudy_listen', `${cgroup}/cgroup.procs`, netns, address, port, BACKLOG, 0)
    shim.call('understudy_close_fd', netns)
    return fd
  }
  for (const netns of [pod.netnsPath, lab.node.netnsPath])
    execFileSync('nsenter', [`--net=${netns}`, 'sysctl', '-qw', ...SYSCTLS])
  return startConnectLoop(pod.netnsPath, [
    listen(lab.node.outside, pod.netnsPath, pod.ip, PORT),
    listen(lab.node.outside, lab.node.netnsPath, NODE_NET.served4, PORT),
    listen(pod.containerCgroupPath(), pod.netnsPath, pod.ip, PORT + 1),
  ])
}

const NO_AGENT = 'no agent'
const agentWith = (costs: 'sampled' | 'off' | 'always'): string =>
  ({
    sampled: 'an agent with its defaults',
    off: 'an agent without programCosts',
    always: 'an agent, and programs measured all the time',
  })[costs]

const compare = async (lab: AgentLab, pod: Pod, loop: ConnectLoop, one: Case, condition: string): Promise<Row> => {
  const { address, exchanges, listeners, question } = one
  const order = { address, connections: CONNECTIONS, exchanges, resolve: false }
  const run = async (cgroup: string, listener: number) => {
    await pause(DRAIN_MS) // before each of the two: a core that has rested is slower at first
    return loop.run({ ...order, cgroup, listener, port: listener === 2 ? PORT + 1 : PORT })
  }
  const ratios: number[] = []
  for (let round = -4; round < ROUNDS; round++) {
    const subject = await run(pod.containerCgroupPath(), listeners.pod)
    const reference = await run(lab.node.outside, listeners.outside)
    if (round >= 0) ratios.push(subject.cpuNs / reference.cpuNs)
    if (round === 0) note(`not-enrolled: ${Math.round(reference.cpuNs / CONNECTIONS)} ns a connection outside`)
  }
  return {
    question: `${question}; ${condition}`,
    reference: 'the same connection from a cgroup that is no pod’s',
    measured: { kind: 'ratio', spread: spreadOf(ratios) },
    target: condition === agentWith('sampled') || condition === agentWith('off') ? one.target : {},
  }
}

/** Processes for which the kernel measures all programs of this machine, ours too: with them nothing is measured here. */
const measuring = (): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const folder = `/proc/${pid}/fd`
        return readdirSync(folder).some((fd) => readlinkSync(`${folder}/${fd}`) === 'anon_inode:bpf-stats')
      } catch {
        return false // it has ended
      }
    })

await onNode(async (lab) => {
  leaveSubjectAlone()
  const pod = await lab.createPod({ annotations: {} })
  const loop = open(lab, pod)
  const rows: Row[] = []
  const measure = async (condition: string): Promise<void> => {
    for (const one of casesOf(pod)) rows.push(await compare(lab, pod, loop, one, condition))
  }
  try {
    await measure(NO_AGENT)
    for (const programCosts of ['sampled', 'off', 'always'] as const) {
      const agent = await lab.startAgent({
        ...{ programCosts: programCosts === 'sampled', onStop: 'remove', reconcileIntervalMs: 10_000 },
      })
      const shim = loadShim(SHIM_PATH)
      const stats = programCosts === 'always' ? shim.call('understudy_enable_stats') : undefined
      await measure(agentWith(programCosts))
      const others = measuring().filter((pid) => ![agent.pid, process.pid].includes(Number(pid)))
      if (others.length > 0)
        note(`not-enrolled: the kernel measures programs for process ${others}, which makes every figure here larger`)
      if (stats !== undefined) shim.call('understudy_close_fd', stats)
      await agent.stop()
    }
  } finally {
    loop.close()
  }
  report(rows)
})
