import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { type Asked, openOriginalDestinations } from '../../../src/kernel/original-destination.ts'
import type { RawCall, Shim, ShimFunction } from '../../../src/kernel/shim.ts'
import type { Evidence } from '../../../src/resolve/strategy.ts'
import { NO_SUCH_ENTRY, RECORDED } from '../../support/conntrack-recorded.ts'

type Errno = keyof typeof constants.errno
const SOCKET = 50

/** What the kernel answers: bytes that it writes, or the name of an error. */
type Answers = Partial<Record<ShimFunction, Buffer | Errno>>

/** A shim that gives these answers; netlink answers get the number of their question. */
const shimOf = (answers: Answers): { shim: Shim; calls: ShimFunction[] } => {
  const calls: ShimFunction[] = []
  const raw: RawCall = (name, ...parameters) => {
    calls.push(name)
    const answer: Buffer | Errno | undefined = answers[name]
    const values: readonly unknown[] = parameters
    if (typeof answer === 'string') return -constants.errno[answer]
    if (!answer) return SOCKET
    const room = values.filter((value) => Buffer.isBuffer(value)).at(-1)
    answer.copy(room ?? Buffer.alloc(0))
    if (name === 'understudy_netlink_ask') (values[1] as Buffer).copy(room ?? Buffer.alloc(0), 8, 8, 12)
    return answer.length
  }
  return { shim: { raw, call: raw, takeLog: () => [] }, calls }
}

const { entry, answer } = RECORDED.v4
const ASKED: Asked = { fd: 7, client: entry.reply.destination, local: entry.reply.source }
const FOUND: Evidence = { kind: 'found', destination: entry.original.destination }

const bySocket = (socket: Buffer | Errno, asked = ASKED): Evidence =>
  openOriginalDestinations(shimOf({ understudy_original_dst: socket }).shim, -1).soOriginalDst(asked)
const byTable = (answers: Answers, asked = ASKED): Evidence =>
  openOriginalDestinations(shimOf(answers).shim, -1).conntrack(asked)

const brokenBy = (evidence: Evidence): unknown => {
  assert.equal(evidence.kind, 'broken')
  const { error } = evidence as Extract<Evidence, { kind: 'broken' }>
  assert.ok(error instanceof UnderstudyError && error.code === 'KERNEL_CALL_FAILED')
  return error.facts['errno']
}

test('the socket names the address that was dialled', () => {
  assert.deepEqual(bySocket(Buffer.from('020000500a5801020000000000000000', 'hex')), FOUND)
})

test('a socket without an entry, or a kernel without connection tracking, is no evidence', () => {
  assert.deepEqual(bySocket('ENOENT'), { kind: 'none', why: 'no entry for the connection' })
  assert.deepEqual(bySocket('ENOPROTOOPT'), { kind: 'none', why: 'no connection tracking' })
})

test('any other failure of the socket, and an address of no known family, are broken evidence', () => {
  assert.equal(brokenBy(bySocket('EBADF')), 'EBADF')
  assert.equal(brokenBy(bySocket(Buffer.alloc(16, 1))), undefined)
})

test('netlink names the address that was dialled, over one socket', () => {
  const { shim, calls } = shimOf({ understudy_netlink_ask: answer })
  const evidence = openOriginalDestinations(shim, -1)
  assert.deepEqual([evidence.conntrack(ASKED), evidence.conntrack(ASKED)], [FOUND, FOUND])
  evidence.close()
  evidence.close()
  const [open, ask, close] = ['understudy_netlink_open', 'understudy_netlink_ask', 'understudy_close_fd']
  assert.deepEqual(calls, [open, ask, ask, close])
})

test('no such entry is no evidence', () => {
  const evidence = byTable({ understudy_netlink_ask: NO_SUCH_ENTRY.answer })
  assert.deepEqual(evidence, { kind: 'none', why: 'no entry for the connection' })
})

test('an entry that was asked for by its other tuple is no evidence', () => {
  const turned: Asked = { ...ASKED, client: entry.original.destination, local: entry.original.source }
  assert.deepEqual(byTable({ understudy_netlink_ask: answer }, turned), {
    kind: 'none',
    why: 'the entry is of the other direction',
  })
})

test('a kernel that is silent, overrun or out of descriptors is broken evidence, and asked again', () => {
  for (const errno of ['ETIMEDOUT', 'ENOBUFS', 'EMSGSIZE'] as const) {
    const { shim, calls } = shimOf({ understudy_netlink_ask: errno })
    const evidence = openOriginalDestinations(shim, -1)
    assert.equal(brokenBy(evidence.conntrack(ASKED)), errno)
    assert.equal(brokenBy(evidence.conntrack(ASKED)), errno)
    assert.equal(calls.filter((name) => name === 'understudy_netlink_ask').length, 2)
  }
  assert.equal(brokenBy(byTable({ understudy_netlink_open: 'EMFILE' })), 'EMFILE')
})

test('bytes that are no answer are broken evidence', () => {
  assert.equal(brokenBy(byTable({ understudy_netlink_ask: Buffer.alloc(12) })), undefined)
})

const refused = (errno: Errno): Buffer => {
  const bytes = Buffer.from(NO_SUCH_ENTRY.answer)
  bytes.writeInt32LE(-constants.errno[errno], 16)
  return bytes
}
const REFUSALS: Readonly<Record<string, Answers>> = {
  'no netlink': { understudy_netlink_open: 'EPROTONOSUPPORT' },
  'no right to ask': { understudy_netlink_ask: refused('EPERM') },
  'no connections in nfnetlink': { understudy_netlink_ask: refused('EINVAL') },
}

for (const [why, answers] of Object.entries(REFUSALS)) {
  test(`the file is opened where there is ${why}, and netlink not asked a second time`, () => {
    const { shim, calls } = shimOf({ ...answers, understudy_open_proc_net: 'ENOENT' })
    const evidence = openOriginalDestinations(shim, -1)
    assert.deepEqual(evidence.conntrack(ASKED), { kind: 'none', why: 'no connection tracking' })
    const asked = calls.length
    assert.deepEqual(evidence.conntrack(ASKED), { kind: 'none', why: 'no connection tracking' })
    assert.deepEqual(calls.slice(asked), ['understudy_open_proc_net'])
  })
}

test('a file that may not be opened is broken evidence', () => {
  const answers: Answers = { understudy_netlink_open: 'EPERM', understudy_open_proc_net: 'EACCES' }
  assert.equal(brokenBy(byTable(answers)), 'EACCES')
})

test('without addresses or a descriptor nothing is asked', () => {
  const { shim, calls } = shimOf({})
  const evidence = openOriginalDestinations(shim, -1)
  const unknown = { address: '', port: 0 }
  assert.equal(evidence.conntrack({ ...ASKED, client: unknown }).kind, 'none')
  assert.equal(evidence.soOriginalDst({ ...ASKED, fd: -1 }).kind, 'none')
  assert.deepEqual(calls, [])
})
