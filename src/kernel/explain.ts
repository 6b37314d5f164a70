/** Turns the kernel's refusals into errors that name the feature, the kernel that has it, and the way out. Pure. */
import { UnderstudyError } from '../errors.ts'
import { errorName } from './shim.ts'

/** What the object file needs, the kernel that brought it, and what is done without it (docs/doctor.md). */
export interface Feature {
  readonly name: string
  readonly kernel: string
  /** How libbpf's log or the verifier names its absence. */
  readonly sign: RegExp
}

export const FEATURES: readonly Feature[] = [
  { name: 'BPF ring buffer', kernel: '5.8', sign: /'events'|ringbuf/ },
  {
    name: 'socket storage with BPF_F_CLONE',
    kernel: '5.4',
    sign: /'(inbound_)?listeners'|'client_states'|'accepted'|'dns_clients'/,
  },
  { name: 'sk_lookup programs', kernel: '5.9', sign: /steer_lookup|'inbound_sockets'/ },
  { name: 'socket storage in tc programs', kernel: '5.10', sign: /steer_ingress|restore_egress/ },
  { name: 'getsockopt hook', kernel: '5.3', sign: /answer_original_dst/ },
  { name: 'getpeername hook', kernel: '5.8', sign: /restore_peername/ },
  { name: 'release hook', kernel: '5.9', sign: /forget_released/ },
  { name: 'bpf_get_netns_cookie in connect hooks', kernel: '5.7', sign: /get_netns_cookie/ },
  { name: 'bpf_sk_lookup_tcp in connect hooks', kernel: '5.2', sign: /sk_lookup_tcp/ },
  { name: 'bpf_skc_to_tcp_sock in sockops', kernel: '5.9', sign: /skc_to_tcp_sock/ },
  { name: 'kernel BTF (CONFIG_DEBUG_INFO_BTF)', kernel: '5.4', sign: /vmlinux BTF|CO-RE reloc/ },
]

const REMEDY_RIGHTS = 'Run it as root (sudo), or give it CAP_BPF, CAP_NET_ADMIN and CAP_SYS_ADMIN.'

/** The error for a failed load. */
export const explainLoad = (result: number, log: readonly string[]): UnderstudyError => {
  const errno = errorName(result)
  const facts = { errno, log: log.slice(-12) }
  if (errno === 'EPERM' || errno === 'EACCES') {
    const said = log.join('\n')
    if (!/verifier|R\d+ |PROG LOAD LOG/.test(said)) {
      return new UnderstudyError('NOT_ROOT', 'this user may not load BPF programs', { remedy: REMEDY_RIGHTS, facts })
    }
  }
  // The verifier stops when a signal is pending: the log then names whatever program was its turn.
  if (errno === 'EAGAIN') {
    const remedy = 'Try again; a profiler or a debugger that sends this process signals must be stopped first.'
    return new UnderstudyError('KERNEL_CALL_FAILED', 'loading the BPF programs was interrupted by a signal: EAGAIN', {
      remedy,
      facts,
    })
  }
  const missing = FEATURES.find((feature) => log.some((line) => feature.sign.test(line)))
  const what = missing ? `${missing.name} (Linux ${missing.kernel} or newer)` : 'a BPF feature'
  return new UnderstudyError('KERNEL_FEATURE_MISSING', `this kernel lacks ${what}: ${errno}`, {
    remedy:
      'Run `understudy doctor` for the list, or use `understudy serve` and point the program at it (no kernel side).',
    facts,
  })
}

/** The error for a failed attach. */
export const explainAttach = (
  result: number,
  program: string,
  cgroup: string,
  log: readonly string[],
): UnderstudyError => {
  const errno = errorName(result)
  const exclusive =
    'Another program is attached to a parent cgroup without BPF_F_ALLOW_MULTI and so excludes every other: ' +
    '`bpftool cgroup tree` names it.'
  return new UnderstudyError('ATTACH_REFUSED', `cannot attach ${program} to ${cgroup}: ${errno}`, {
    remedy: errno === 'EPERM' ? `${REMEDY_RIGHTS} If that is so already: ${exclusive}` : 'Run `understudy doctor`.',
    facts: { errno, log: log.slice(-12) },
  })
}
