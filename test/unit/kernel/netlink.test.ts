import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeAttributes,
  decodeMessage,
  encodeAttribute,
  encodeMessage,
  encodeNested,
  errorOf,
} from '../../../src/kernel/netlink.ts'

const message = (payload: Buffer) => encodeMessage({ type: 0x101, flags: 1, sequence: 9, payload })

test('a message that is shorter than its head, or says it is, is damage', () => {
  const bytes = message(Buffer.alloc(8))
  for (let length = 0; length < bytes.length; length++)
    assert.equal(decodeMessage(bytes.subarray(0, length)), undefined)
  bytes.writeUInt32LE(15, 0)
  assert.equal(decodeMessage(bytes), undefined)
  bytes.writeUInt32LE(0xffff_ffff, 0)
  assert.equal(decodeMessage(bytes), undefined)
})

test('what follows the first message is left alone', () => {
  const decoded = decodeMessage(Buffer.concat([message(Buffer.from('abcd')), message(Buffer.from('wxyz'))]))
  assert.equal(decoded?.payload.toString(), 'abcd')
})

test('an error tells its number, an acknowledgement is 0, anything else neither', () => {
  const payload = Buffer.alloc(20)
  payload.writeInt32LE(-2)
  assert.equal(errorOf({ type: 2, flags: 0, sequence: 1, payload }), -2)
  assert.equal(errorOf({ type: 2, flags: 0, sequence: 1, payload: Buffer.alloc(20) }), 0)
  assert.equal(errorOf({ type: 2, flags: 0, sequence: 1, payload: Buffer.alloc(3) }), undefined)
  assert.equal(errorOf({ type: 3, flags: 0, sequence: 1, payload }), undefined)
})

test('an attribute is padded, and read without its padding', () => {
  const bytes = Buffer.concat([encodeAttribute(1, Buffer.from('a')), encodeAttribute(2, Buffer.from('bcde'))])
  assert.equal(bytes.length, 16)
  const attributes = decodeAttributes(bytes)
  assert.equal(attributes?.get(1)?.toString(), 'a')
  assert.equal(attributes?.get(2)?.toString(), 'bcde')
})

test('the padding of the last attribute may be missing', () => {
  const bytes = encodeAttribute(1, Buffer.from('a')).subarray(0, 5)
  assert.equal(decodeAttributes(bytes)?.get(1)?.toString(), 'a')
})

test('of two attributes of a type the last counts, as for the kernel', () => {
  const bytes = Buffer.concat([encodeAttribute(1, Buffer.from('a')), encodeAttribute(1, Buffer.from('b'))])
  assert.equal(decodeAttributes(bytes)?.get(1)?.toString(), 'b')
})

test('the flag of a nested attribute is not part of its type', () => {
  const inner = encodeAttribute(3, Buffer.from('c'))
  assert.deepEqual(decodeAttributes(encodeNested(5, inner))?.get(5), inner)
})

test('an attribute of length 0, or longer than what is there, is damage', () => {
  for (const length of [0, 1, 3, 9, 0xffff]) {
    const bytes = encodeAttribute(1, Buffer.from('abcd'))
    bytes.writeUInt16LE(length, 0)
    assert.equal(decodeAttributes(bytes), undefined, `length ${length}`)
  }
  assert.equal(decodeAttributes(Buffer.alloc(3)), undefined)
  assert.equal(decodeAttributes(Buffer.alloc(0))?.size, 0)
})
