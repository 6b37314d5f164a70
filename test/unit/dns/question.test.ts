import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readQuestion, sameQuestion } from '../../../src/dns/question.ts'
import { answerTo, queryFor } from '../../support/dns-messages.ts'

const withName = (...labels: readonly string[]): Buffer => {
  const name = labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')])
  return Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1])
}

test('a question is read with its name in lower case', () => {
  const question = readQuestion(queryFor('Orders.Example.TEST', { type: 'AAAA' }))
  assert.deepEqual(question, { name: 'orders.example.test', type: 28, class: 1, end: 12 + 21 + 4 })
})

test('the root is an empty name', () => assert.equal(readQuestion(withName())?.name, ''))

test('a dot within a label does not look like one between labels', () => {
  assert.equal(readQuestion(withName('a.b', 'test'))?.name, 'a\\046b.test')
  assert.equal(readQuestion(withName('a\\046b', 'test'))?.name, 'a\\092046b.test')
})

test('bytes that do not print are written as numbers', () => {
  assert.equal(readQuestion(withName('\0 \xff', 'test'))?.name, '\\000\\032\\255.test')
})

test('a name of 255 bytes is read, even where every byte needs four', () => {
  const name = readQuestion(withName('\0'.repeat(63), '\0'.repeat(63), '\0'.repeat(63), '\0'.repeat(61)))?.name
  assert.equal(name?.length, 250 * 4 + 3)
})

for (const [situation, message] of [
  ['a name of 256 bytes', withName('a'.repeat(63), 'a'.repeat(63), 'a'.repeat(63), 'a'.repeat(62))],
  ['a label of 64 bytes', withName('a'.repeat(64))],
  ['a pointer', Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1])],
  ['no question', Buffer.from([0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
  ['two questions', Buffer.from([0, 1, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1])],
  ['opcode NOTIFY', Buffer.from([0, 1, 0x20, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1])],
  ['an end within the name', withName('orders', 'test').subarray(0, 16)],
  ['an end before the class', withName('orders', 'test').subarray(0, -1)],
  ['eleven bytes', Buffer.alloc(11)],
] as const) {
  test(`there is no question in a message with ${situation}`, () => assert.equal(readQuestion(message), undefined))
}

test('an answer fits its query in whatever case, and no other name or type', () => {
  const query = queryFor('orders.test')
  const question = readQuestion(query)
  assert.ok(question)
  const fits = (answer: Buffer): boolean => sameQuestion(answer, query, question)
  assert.ok(fits(answerTo(query)))
  assert.ok(fits(answerTo(queryFor('ORDERS.test'))))
  assert.ok(!fits(answerTo(queryFor('orderz.test'))))
  assert.ok(!fits(answerTo(queryFor('orders.test', { type: 'AAAA' }))))
  assert.ok(!fits(answerTo(query).subarray(0, 20)))
})
