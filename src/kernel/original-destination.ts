/**
 * What the NAT of a workload's network namespace knows of an accepted connection: the evidence of the strategies
 * `so-original-dst` and `conntrack`. Synchronous, since a connection waits.
 */
import { closeSync, readSync } from 'node:fs'
import { UnderstudyError } from '../errors.ts'
import type { Flow } from '../flow.ts'
import type { Evidence } from '../resolve/strategy.ts'
import { judge, replyTuple, sameTuple, type Tuple } from './conntrack-entry.ts'
import { SEARCH_BOUNDS, type SearchBounds, type SearchLimit, searchConntrackFile } from './conntrack-file.ts'
import {
  CONNTRACK_REPLY_BYTES,
  decodeConntrackAnswer,
  encodeConntrackGet,
  NETLINK_NETFILTER,
} from './conntrack-message.ts'
import { errorName, type Shim } from './shim.ts'
import { decodeSockaddr, SOCKADDR_BYTES } from './sockaddr.ts'

/** What is asked about: a flow's ends and its socket, which is open. */
export type Asked = Pick<Flow, 'fd' | 'client' | 'local'>

export interface OriginalDestinations {
  soOriginalDst(flow: Asked): Evidence
  conntrack(flow: Asked): Evidence
  /** Whether netlink was refused, so that the file is searched; known once `conntrack` was asked. */
  readsFile(): boolean
  /** Closes the netlink socket. The namespace's descriptor stays the caller's. */
  close(): void
}

export interface OriginalDestinationOptions {
  /** A search of the file ended at one of its bounds. */
  readonly onLimit?: (limit: SearchLimit) => void
  readonly bounds?: SearchBounds
}

const FILE = 'nf_conntrack'
/** No netlink, or none of this protocol. What is refused does not get better while we run. */
const REFUSED_AT_OPEN = new Set(['EPERM', 'EPROTONOSUPPORT'])
/** No right to ask, or an nfnetlink without the part that knows connections (nfnetlink_rcv_msg in nfnetlink.c). */
const REFUSED_IN_ANSWER = new Set(['EPERM', 'EINVAL'])

const none = (why: string): Evidence => ({ kind: 'none', why })
const NO_ENTRY = none('no entry for the connection')
const NO_ADDRESS = none('the ends of the connection are not known')

const broken = (what: string, facts: Readonly<Record<string, unknown>>, cause?: unknown): Evidence => ({
  kind: 'broken',
  error: new UnderstudyError('KERNEL_CALL_FAILED', `connection tracking: ${what}`, { facts, cause }),
})

const failed = (call: string, errno: string): Evidence => broken(`${call}: ${errno}`, { call, errno })

/** getsockopt(SO_ORIGINAL_DST) of the accepted socket, whatever namespace it is in. */
const askSocket = (shim: Shim, room: Buffer, flow: Asked): Evidence => {
  if (flow.fd < 0) return none('no descriptor')
  const length = shim.raw('understudy_original_dst', flow.fd, room, room.length)
  if (length < 0) {
    const errno = errorName(length)
    if (errno === 'ENOENT') return NO_ENTRY
    return errno === 'ENOPROTOOPT' ? none('no connection tracking') : failed('original_dst', errno)
  }
  const destination = decodeSockaddr(room.subarray(0, length))
  if (!destination) return broken('the address cannot be read', { bytes: room.toString('hex', 0, length) })
  const reply = replyTuple(flow)
  return reply ? judge(destination, reply) : NO_ADDRESS
}

type NetlinkAnswer = Evidence | { readonly kind: 'refused' }

/** Questions over one netlink socket, opened for the first of them. */
const openQuestions = (shim: Shim, netnsFd: number) => {
  const room = Buffer.alloc(CONNTRACK_REPLY_BYTES)
  let socket = -1
  let sequence = 0
  const refusal = (refusals: ReadonlySet<string>, call: string, errno: string): NetlinkAnswer =>
    refusals.has(errno) ? { kind: 'refused' } : failed(call, errno)
  const ask = (reply: Tuple): NetlinkAnswer => {
    if (socket < 0) {
      socket = shim.raw('understudy_netlink_open', netnsFd, NETLINK_NETFILTER)
      if (socket < 0) return refusal(REFUSED_AT_OPEN, 'netlink_open', errorName(socket))
    }
    sequence = (sequence + 1) >>> 0
    const request = encodeConntrackGet(reply, sequence)
    const length = shim.raw('understudy_netlink_ask', socket, request, request.length, room, room.length)
    if (length < 0) return failed('netlink_ask', errorName(length))
    const answer = decodeConntrackAnswer(room.subarray(0, length), sequence)
    if (answer.kind === 'broken') return broken(answer.why, { bytes: room.toString('hex', 0, Math.min(length, 256)) })
    if (answer.kind === 'error') {
      const errno = errorName(answer.errno)
      return errno === 'ENOENT' ? NO_ENTRY : refusal(REFUSED_IN_ANSWER, 'conntrack_get', errno)
    }
    // The kernel finds an entry by either of its tuples; only as its answers is this connection redirected.
    if (!sameTuple(answer.entry.reply, reply)) return none('the entry is of the other direction')
    return judge(answer.entry.original.destination, reply)
  }
  const close = (): void => {
    if (socket >= 0) shim.raw('understudy_close_fd', socket)
    socket = -1
  }
  return { ask, close }
}

/** The same question to the file, which the kernel lists line by line. */
export const searchFile = (
  shim: Shim,
  netnsFd: number,
  reply: Tuple,
  { onLimit, bounds = SEARCH_BOUNDS }: OriginalDestinationOptions = {},
): Evidence => {
  const fd = shim.raw('understudy_open_proc_net', netnsFd, FILE)
  if (fd < 0) {
    const errno = errorName(fd)
    return errno === 'ENOENT' ? none('no connection tracking') : failed('open_proc_net', errno)
  }
  try {
    const ports = { read: (buffer: Buffer) => readSync(fd, buffer), now: () => performance.now() }
    const result = searchConntrackFile(reply, ports, bounds)
    if (result.kind === 'entry') return judge(result.entry.original.destination, reply)
    if (result.kind === 'nothing') return NO_ENTRY
    onLimit?.(result.limit)
    return none('the table is too long to search')
  } catch (cause) {
    return broken('the file cannot be read', { file: FILE }, cause)
  } finally {
    closeSync(fd)
  }
}

/**
 * Evidence for the flows of one workload namespace; -1 is our own. Netlink is asked first and finds an entry at once;
 * where it is refused, that is remembered and the file is searched from then on.
 */
export const openOriginalDestinations = (
  shim: Shim,
  netnsFd: number,
  options: OriginalDestinationOptions = {},
): OriginalDestinations => {
  const questions = openQuestions(shim, netnsFd)
  const room = Buffer.alloc(SOCKADDR_BYTES)
  let isRefused = false
  return {
    soOriginalDst: (flow) => askSocket(shim, room, flow),
    conntrack: (flow) => {
      const reply = replyTuple(flow)
      if (!reply) return NO_ADDRESS
      if (!isRefused) {
        const answer = questions.ask(reply)
        if (answer.kind !== 'refused') return answer
        isRefused = true
        questions.close()
      }
      return searchFile(shim, netnsFd, reply, options)
    },
    readsFile: () => isRefused,
    close: questions.close,
  }
}
