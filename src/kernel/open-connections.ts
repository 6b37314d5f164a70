/** The connections that are open at present, as the programs keep them between connect() and close. */
import type { Endpoint, Verdict } from '../flow.ts'
import {
  CLIENT_SLOT,
  CLIENT_SLOTS,
  CLIENT_STATE,
  decodeDialled,
  decodeNetnsCookie,
  decodeOriginalDst,
  verdictOf,
} from './layout.ts'
import type { Shim } from './shim.ts'

export interface OpenConnection {
  readonly netnsCookie: bigint
  /** The cgroup2 id of the process that called connect(); 0n where nobody knows. */
  readonly cgroupId: bigint
  readonly destination: Endpoint
  /** Where the SYN went; absent before it, and for a redirected connection. */
  readonly dialled?: Endpoint
  readonly verdict: Verdict
  readonly established: boolean
  /** CLOCK_MONOTONIC, nanoseconds. */
  readonly connectedAtNs: bigint
}

/** Entries of the array in one native call. */
const SPAN = 2048

/** Decodes struct client_slot at `base`. */
export const decodeSlot = (bytes: Buffer, base: number): OpenConnection => {
  const state = base + CLIENT_SLOT.fields.state.offset
  const f = CLIENT_STATE.fields
  const saved = decodeOriginalDst(bytes, state + f.dst.offset, 'map')
  const dialled = decodeDialled(bytes, state + f.dialled.offset, state + f.dialled_port.offset)
  return {
    netnsCookie: decodeNetnsCookie(bytes, state + f.dst.offset),
    cgroupId: bytes.readBigUInt64LE(state + f.cgroup_id.offset),
    destination: saved.destination,
    ...(dialled && { dialled }),
    verdict: verdictOf(bytes[state + f.verdict.offset]),
    established: bytes[state + f.established.offset] === 1,
    connectedAtNs: saved.connectedAtNs,
  }
}

/**
 * Hands over every open connection but those whose slot another socket holds (the counter `slot_taken`). One that changes
 * meanwhile may be seen half old and half new.
 */
export const readOpenConnections = (shim: Shim, handle: number, each: (connection: OpenConnection) => void): void => {
  const buffer = Buffer.alloc(SPAN * CLIENT_SLOT.size)
  for (let from = 0; from < CLIENT_SLOTS; from += SPAN) {
    const count = shim.call('understudy_map_owned', handle, 'client_slots', from, SPAN, buffer, buffer.length)
    for (let i = 0; i < count; i++) each(decodeSlot(buffer, i * CLIENT_SLOT.size))
  }
}
