/** The settings that only `understudy agent` has. They are keys of the one schema like any other (schema.ts). */
import { z } from 'zod'
import { flag, ipAddress, MAX_PORT, whole } from './kinds.ts'

const HOUR_MS = 3_600_000
const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** RFC 1123 label, as Kubernetes wants names of namespaces; `*` is every one. */
const NamespaceName = z.string().refine((text) => text === '*' || NAME.test(text), {
  error: 'expected the name of a namespace such as "payments", or *',
})

export const AGENT_SETTINGS = {
  nodeName: z.string().max(253).default('').meta({
    env: 'UNDERSTUDY_NODE_NAME',
    doc: 'The node whose pods `agent` serves, as Kubernetes names it; the chart fills it in.',
  }),
  agentNamespace: z.string().max(63).default('').meta({
    env: 'UNDERSTUDY_AGENT_NAMESPACE',
    doc: 'The namespace that the agent itself is in, whose pods are never intercepted; the chart fills it in.',
  }),
  enrolNamespaces: z.array(NamespaceName).max(1024).default([]).meta({
    env: 'UNDERSTUDY_ENROL_NAMESPACES',
    doc: 'Namespaces whose pods may opt in to interception, or "*" for all but kube-system, kube-node-lease and our own.',
  }),
  enrolNamespaceLabels: z
    .record(z.string().min(1).max(317), z.string().max(63))
    .default({ 'understudy.dev/interception': 'enabled' })
    .meta({
      env: 'UNDERSTUDY_ENROL_NAMESPACE_LABELS',
      doc: 'Labels that allow the same for a namespace that has all of them; empty allows none by label.',
    }),
  podMode: z.enum(['mock', 'forward', 'observe']).default('forward').meta({
    env: 'UNDERSTUDY_POD_MODE',
    doc: 'What becomes of the traffic of a pod that does not say so itself (docs/annotations.md).',
  }),
  maxConnectionsPerPod: whole(1, 1_000_000).default(2000).meta({
    env: 'UNDERSTUDY_MAX_CONNECTIONS_PER_POD',
    doc: 'Most intercepted connections of one pod held at once; one more is reset, and other pods do not notice.',
  }),
  kubeApiServer: z.string().max(2048).default('').meta({
    env: 'UNDERSTUDY_KUBE_API_SERVER',
    doc: 'URL of the Kubernetes API; empty takes KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, as pods have them.',
  }),
  kubeTokenFile: z.string().max(4096).default('/var/run/secrets/kubernetes.io/serviceaccount/token').meta({
    env: 'UNDERSTUDY_KUBE_TOKEN_FILE',
    doc: 'File with the bearer token for the Kubernetes API; it is read again as it rotates. Empty sends none.',
  }),
  kubeCaFile: z.string().max(4096).default('/var/run/secrets/kubernetes.io/serviceaccount/ca.crt').meta({
    env: 'UNDERSTUDY_KUBE_CA_FILE',
    doc: 'File with the certificates that the Kubernetes API may be issued by; read again as it changes. Empty trusts what Node.js does.',
  }),
  cgroupRoot: z.string().max(4096).default('').meta({
    env: 'UNDERSTUDY_CGROUP_ROOT',
    doc: "Where the node's cgroup2 file system is mounted; empty looks at /sys/fs/cgroup and /sys/fs/cgroup/unified.",
  }),
  podsCgroup: z.string().max(4096).default('').meta({
    env: 'UNDERSTUDY_PODS_CGROUP',
    doc: 'The folder below it that holds the cgroups of all pods; empty looks for `kubepods` or `kubepods.slice`.',
  }),
  procFolder: z.string().max(4096).default('/proc').meta({
    env: 'UNDERSTUDY_PROC_FOLDER',
    doc: "The node's /proc, which shows the processes of all pods.",
  }),
  pinFolder: z.string().max(200).default('/sys/fs/bpf/understudy').meta({
    env: 'UNDERSTUDY_PIN_FOLDER',
    doc: 'Where on the BPF file system the agent keeps what must outlive it: links and maps.',
  }),
  stateFolder: z.string().max(4096).default('/run/understudy').meta({
    env: 'UNDERSTUDY_STATE_FOLDER',
    doc: 'Where the agent writes down what a later one has to know; agents that take over from each other share it.',
  }),
  agentMark: whole(1, 0x7fffffff).default(0x75736479).meta({
    env: 'UNDERSTUDY_AGENT_MARK',
    doc: "SO_MARK of the agent's own sockets in network namespaces of pods, by which the programs leave them alone.",
  }),
  expectationsFolder: z.string().max(4096).default('').meta({
    env: 'UNDERSTUDY_EXPECTATIONS_FOLDER',
    doc: 'A folder of expectation files, such as a mounted ConfigMap, that is read again when it changes; empty for none.',
  }),
  workloadsFile: z.string().max(4096).default('').meta({
    env: 'UNDERSTUDY_WORKLOADS_FILE',
    doc: 'A file that lists the workloads of this node, in place of the Kubernetes API (docs/workloads.md); empty asks the API.',
  }),
  reconcileIntervalMs: whole(100, HOUR_MS).default(10_000).meta({
    env: 'UNDERSTUDY_RECONCILE_INTERVAL_MS',
    doc: 'How often all that should be there for the pods is compared with what is, and repaired.',
  }),
  selfTestIntervalMs: whole(0, 24 * HOUR_MS)
    .default(300_000)
    .meta({
      env: 'UNDERSTUDY_SELF_TEST_INTERVAL_MS',
      doc: 'How often a connection from inside of each intercepted pod proves that interception works; 0 proves it only at enrolment.',
    }),
  drainMs: whole(0, HOUR_MS).default(10_000).meta({
    env: 'UNDERSTUDY_DRAIN_MS',
    doc: 'How long an agent that ends goes on with the connections it has; the grace period of its pod must be longer.',
  }),
  onStop: z.enum(['keep', 'remove']).default('keep').meta({
    env: 'UNDERSTUDY_ON_STOP',
    doc: 'Whether an agent that ends leaves links and maps to its successor, or takes them away. `understudy cleanup` does that later.',
  }),
  controlHost: ipAddress.default('127.0.0.1').meta({
    env: 'UNDERSTUDY_CONTROL_HOST',
    doc: 'Where `agent` serves the control API. Anything but loopback needs a `controlTokenFile`, whose calls it then asks for.',
  }),
  controlPort: whole(0, MAX_PORT).default(1080).meta({
    env: 'UNDERSTUDY_CONTROL_PORT',
    doc: 'The port of it; 0 takes any free port.',
  }),
  controlSocket: z.string().max(100).default('').meta({
    env: 'UNDERSTUDY_CONTROL_SOCKET',
    doc: 'A unix socket to serve it on instead, which only root may open; empty for none.',
  }),
  tcpSeries: whole(16, 1_000_000).default(5000).meta({
    env: 'UNDERSTUDY_TCP_SERIES',
    doc: 'Most pairs of workload and destination that have metrics of their own; further ones are counted together.',
  }),
  programCosts: flag.default(true).meta({
    env: 'UNDERSTUDY_PROGRAM_COSTS',
    doc: 'Whether the kernel measures, for a second of each half minute, how long each BPF program runs, for the metrics.',
  }),
} as const
