import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeConntrackAnswer, encodeConntrackGet } from '../../../src/kernel/conntrack-message.ts'
import { NO_SUCH_ENTRY, RECORDED } from '../../support/conntrack-recorded.ts'

for (const [family, { sequence, question, answer, entry }] of Object.entries(RECORDED)) {
  test(`the question about a connection is the one the kernel answered (${family})`, () => {
    assert.deepEqual(encodeConntrackGet(entry.reply, sequence), question)
  })

  test(`a real answer is read (${family})`, () => {
    assert.deepEqual(decodeConntrackAnswer(answer, sequence), { kind: 'entry', entry })
  })

  test(`an answer that is cut off anywhere is broken (${family})`, () => {
    for (let length = 0; length < answer.length; length++) {
      assert.equal(decodeConntrackAnswer(answer.subarray(0, length), sequence).kind, 'broken')
    }
  })

  test(`an answer whose message ends early is broken until both tuples are there (${family})`, () => {
    const tuples = question.length - 20 // of the same length each
    for (let length = 16; length < 20 + 2 * tuples; length++) {
      const cut = Buffer.from(answer)
      cut.writeUInt32LE(length, 0)
      assert.equal(decodeConntrackAnswer(cut, sequence).kind, 'broken', `length ${length}`)
    }
  })
}

test('no such entry is an error of that number', () => {
  assert.deepEqual(decodeConntrackAnswer(NO_SUCH_ENTRY.answer, NO_SUCH_ENTRY.sequence), { kind: 'error', errno: -2 })
})

test('an answer to another question is not taken for ours', () => {
  const { answer, sequence } = RECORDED.v4
  assert.equal(decodeConntrackAnswer(answer, sequence + 1).kind, 'broken')
})

test('another kind of message, or an acknowledgement, is no answer', () => {
  const { answer, sequence } = RECORDED.v4
  const deleted = Buffer.from(answer)
  deleted.writeUInt16LE(0x102, 4)
  assert.equal(decodeConntrackAnswer(deleted, sequence).kind, 'broken')
  const acknowledged = Buffer.from(NO_SUCH_ENTRY.answer)
  acknowledged.writeInt32LE(0, 16)
  assert.equal(decodeConntrackAnswer(acknowledged, NO_SUCH_ENTRY.sequence).kind, 'broken')
})

test('a tuple of UDP, or with an address of another length, is broken', () => {
  const { answer, sequence } = RECORDED.v4
  const udp = Buffer.from(answer)
  udp[udp.indexOf(Buffer.from('0500010006', 'hex')) + 4] = 17
  assert.equal(decodeConntrackAnswer(udp, sequence).kind, 'broken')
  const long = Buffer.from(answer)
  // the first address swallows the second
  long.writeUInt16LE(16, 28)
  assert.equal(decodeConntrackAnswer(long, sequence).kind, 'broken')
})
