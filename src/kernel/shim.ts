/**
 * The only importer of ffi-rs: the native shim's functions, in the order of native/shim.h, as plain calls that throw
 * `KERNEL_CALL_FAILED` on -errno. An ffi call costs 2 to 5 µs, so calls are per connection or per batch.
 */
import { existsSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'
import { DataType, define, open } from 'ffi-rs'
import { UnderstudyError } from '../errors.ts'

/** Compared with understudy_abi() at load. */
export const ABI = 4

const I32 = DataType.I32
const U32 = DataType.U32
const TEXT = DataType.String
const BYTES = DataType.U8Array

const takes = <const P extends readonly DataType[]>(...paramsType: P) => ({
  library: 'understudy',
  retType: I32,
  paramsType: [...paramsType] as { -readonly [I in keyof P]: P[I] },
})

const FUNCTIONS = {
  understudy_abi: takes(),
  understudy_take_log: takes(BYTES, I32),
  understudy_open: takes(TEXT),
  understudy_set_tunable: takes(I32, TEXT, BYTES, I32),
  understudy_set_capacity: takes(I32, TEXT, U32),
  understudy_load: takes(I32),
  understudy_attach: takes(I32, TEXT, TEXT),
  understudy_pin_map: takes(I32, TEXT, TEXT),
  understudy_map_update: takes(I32, TEXT, BYTES, BYTES),
  understudy_map_delete: takes(I32, TEXT, BYTES),
  understudy_map_lookup: takes(I32, TEXT, BYTES, BYTES, I32),
  understudy_map_entries: takes(I32, TEXT),
  understudy_map_capacity: takes(I32, TEXT),
  understudy_map_list: takes(I32, TEXT, BYTES, I32),
  understudy_map_owned: takes(I32, TEXT, U32, U32, BYTES, I32),
  understudy_counters: takes(I32, BYTES, I32),
  understudy_mark_listener: takes(I32, I32, U32),
  understudy_start_listener: takes(I32, I32, U32, I32),
  understudy_lookup: takes(I32, I32, BYTES),
  understudy_drain_in_turn: takes(I32, TEXT),
  understudy_poll: takes(I32, BYTES, I32),
  understudy_start_heartbeat: takes(I32, U32, U32),
  understudy_tick: takes(I32),
  understudy_heartbeat_age: takes(I32),
  understudy_close: takes(I32),
  understudy_open_netns: takes(TEXT),
  understudy_netns_cookie: takes(I32, BYTES),
  understudy_source_address: takes(I32, TEXT, BYTES, I32),
  understudy_listen: takes(TEXT, I32, TEXT, U32, I32, U32),
  understudy_connect: takes(TEXT, I32, TEXT, U32),
  understudy_knock: takes(TEXT, I32, TEXT, U32),
  understudy_socket: takes(I32, I32, U32, TEXT),
  understudy_listen_udp: takes(TEXT, I32, TEXT, U32, U32),
  understudy_udp_socket: takes(I32, I32, U32),
  understudy_socket_as: takes(I32, U32, TEXT, BYTES),
  understudy_read_proc_net: takes(I32, TEXT, BYTES, I32),
  understudy_open_proc_net: takes(I32, TEXT),
  understudy_original_dst: takes(I32, BYTES, I32),
  understudy_netlink_open: takes(I32, I32),
  understudy_netlink_ask: takes(I32, BYTES, I32, BYTES, I32),
  understudy_lock: takes(TEXT),
  understudy_is_listening: takes(I32),
  understudy_close_fd: takes(I32),
  understudy_trim_memory: takes(),
  understudy_mount_bpffs: takes(TEXT),
  understudy_skip_program: takes(I32, TEXT),
  understudy_share_map: takes(I32, TEXT, I32),
  understudy_share_pin: takes(I32, TEXT, TEXT),
  understudy_program_id: takes(I32, TEXT),
  understudy_interface: takes(I32, TEXT),
  understudy_attach_tcx: takes(I32, TEXT, I32, I32, I32),
  understudy_attach_netns: takes(I32, TEXT, I32),
  understudy_attach_clsact: takes(I32, TEXT, I32, I32, I32),
  understudy_detach: takes(I32, TEXT),
  understudy_has_clsact: takes(I32, I32),
  understudy_make_clsact: takes(I32, I32),
  understudy_remove_clsact: takes(I32, I32),
  understudy_remove_filter: takes(I32, I32, I32, U32),
  understudy_assign_socket: takes(I32, TEXT, U32, I32),
  understudy_attach_node: takes(I32, TEXT, TEXT, TEXT),
  understudy_link_state: takes(I32, TEXT, TEXT, BYTES),
  understudy_cgroup_id: takes(TEXT, BYTES),
  understudy_attached: takes(I32, TEXT, TEXT, I32, BYTES, I32),
  understudy_program_name: takes(U32, BYTES, I32),
  understudy_lock_folder: takes(TEXT),
  understudy_enable_stats: takes(),
  understudy_program_cost: takes(I32, TEXT, BYTES),
  understudy_probe_program: takes(I32),
  understudy_probe_map: takes(I32),
  understudy_probe_helper: takes(I32, I32),
}

export type ShimFunction = keyof typeof FUNCTIONS
type Argument<T> = T extends DataType.String ? string : T extends DataType.U8Array ? Uint8Array : number
type ValuesOf<P extends readonly DataType[]> = { [I in keyof P]: Argument<P[I]> }
/** What a function of the shim takes: as many, and of the kind, as native/shim.h says. */
export type ShimArguments<N extends ShimFunction> = ValuesOf<(typeof FUNCTIONS)[N]['paramsType']>
/** Returns what the C function returns: a count, a descriptor or a handle; -errno where it failed. */
export type RawCall = <N extends ShimFunction>(name: N, ...values: ShimArguments<N>) => number

export interface Shim {
  /** Calls and returns the result, -errno included. */
  readonly raw: RawCall
  /** Calls and throws KERNEL_CALL_FAILED, with errno, its name and libbpf's log among the facts, when it is negative. */
  readonly call: RawCall
  /** libbpf's warnings since the last call, one a line. */
  takeLog(): string[]
}

const LOG_BYTES = 65536

/** Opens build/libunderstudy.so. Throws NOT_BUILT or SHIM_MISMATCH. */
export const loadShim = (libraryPath: string): Shim => {
  if (!existsSync(libraryPath)) {
    throw new UnderstudyError('NOT_BUILT', `the native shim is not built: ${libraryPath} does not exist`, {
      remedy: 'Run `make native bpf` (or `make setup native bpf` on a new machine).',
    })
  }
  try {
    open({ library: 'understudy', path: libraryPath })
  } catch (cause) {
    throw new UnderstudyError('NOT_BUILT', `the native shim ${libraryPath} cannot be loaded: ${String(cause)}`, {
      cause,
      remedy: 'Install libbpf (Debian and Ubuntu: apt-get install libbpf1) or rebuild with `make native`.',
    })
  }
  const functions = define(FUNCTIONS)
  const raw: RawCall = (name, ...values) => (functions[name] as (values: unknown[]) => number)(values)
  const abi = raw('understudy_abi')
  if (abi !== ABI) {
    throw new UnderstudyError('SHIM_MISMATCH', `the native shim speaks version ${abi}, this program version ${ABI}`, {
      remedy: 'Rebuild it: `make native`.',
    })
  }
  const takeLog = (): string[] => {
    const buffer = Buffer.alloc(LOG_BYTES)
    const length = raw('understudy_take_log', buffer, LOG_BYTES)
    return buffer.toString('utf8', 0, length).split('\n').filter(Boolean)
  }
  const call: RawCall = (name, ...values) => {
    const result = raw(name, ...values)
    if (result >= 0) return result
    const errno = errorName(result)
    throw new UnderstudyError('KERNEL_CALL_FAILED', `${name.replace('understudy_', '')}: ${errno}`, {
      facts: { call: name, errno, log: takeLog().slice(-12) },
      remedy: 'Run `understudy doctor`: it names the missing kernel feature or right.',
    })
  }
  return { raw, call, takeLog }
}

/** `EPERM` for -1; what has no name here, libbpf's own codes (4000 and up) among it, by number. */
export const errorName = (result: number): string => getSystemErrorMap().get(result)?.[0] ?? `error ${-result}`
