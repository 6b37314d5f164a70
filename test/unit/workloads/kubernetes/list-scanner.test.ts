import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createListScanner } from '../../../../src/workloads/kubernetes/list-scanner.ts'

const LIMITS = { itemBytes: 1000, listBytes: 10_000, depth: 8 }

const scan = (text: string, limits: Partial<typeof LIMITS> = {}, chunkBytes = text.length || 1) => {
  const items: string[] = []
  const scanner = createListScanner({ ...LIMITS, ...limits }, (item) => items.push(item))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.push(bytes.subarray(at, at + chunkBytes))
  return { items, end: scanner.end() }
}

const LIST = '{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":[{"a":"]}\\"","b":[1,{}]}, 5 ,"x",null]}\n'

describe('a list that is cut into its items', () => {
  for (const chunkBytes of [1, 2, 3, 7, 1000]) {
    test(`has the same items in pieces of ${chunkBytes} bytes`, () => {
      assert.deepEqual(scan(LIST, {}, chunkBytes), {
        items: ['{"a":"]}\\"","b":[1,{}]}', '5', '"x"', 'null'],
        end: { kind: '"PodList"', metadata: '{"resourceVersion":"7"}' },
      })
    })
  }

  test('may have its items before its metadata, and keys that nobody knows', () => {
    const { items, end } = scan('{"more":[{"items":[9]}],"items":[{}],"metadata":{},"x":1.5e3}')
    assert.deepEqual(items, ['{}'])
    assert.deepEqual(end, { metadata: '{}' })
  })

  test('may be empty in three ways', () => {
    for (const items of ['"items":[]', '"items":null', '"items":[ ]', '']) {
      assert.deepEqual(scan(`{${items}}`), { items: [], end: {} })
    }
  })

  test('keeps an item that a chunk cuts within a character', () => {
    assert.deepEqual(scan('{"items":["é…𝄞"]}', {}, 1).items, ['"é…𝄞"'])
  })

  for (const broken of [
    '',
    '{',
    '[]',
    'null',
    '<html>',
    '{"items":[1,]}',
    '{"items":[,1]}',
    '{"items":[1 2]}',
    '{"items":[1}',
    '{"items":[]',
    '{"items":[]}}',
    '{"items":[]} x',
    '{"items":[],}',
    '{"items" []}',
    '{items:[]}',
    '{"items":[],"items":[]}',
    '{"items":["a]}',
    '{"a":}',
  ]) {
    test(`is malformed as ${broken || 'nothing at all'}`, () => {
      assert.equal(scan(broken).end, 'malformed')
      assert.equal(scan(broken, {}, 1).end, 'malformed')
    })
  }

  test('has limits of an item, of all of it, of its metadata, of its keys and of its depth', () => {
    const item = JSON.stringify('x'.repeat(98))
    assert.deepEqual(scan(`{"items":[${item}]}`, { itemBytes: 100 }).items, [item])
    assert.equal(scan(`{"items":[${item}]}`, { itemBytes: 99 }).end, 'too_large')
    assert.equal(scan(`{"items":[${item}]}`, { itemBytes: 99 }, 1).end, 'too_large')
    assert.equal(scan('{"items":[1,2,3,4,5,6,7,8]}', { listBytes: 20 }, 4).end, 'too_large')
    assert.equal(scan(`{"metadata":{"a":"${'x'.repeat(70_000)}"}}`, { listBytes: 1e6 }).end, 'too_large')
    assert.equal(scan(`{"${'k'.repeat(300)}":1}`).end, 'too_large')
    assert.equal(scan('{"items":[[[[[[[[[[1]]]]]]]]]]}').end, 'too_large')
    assert.equal(scan('{"passed":[[[[[[[[[[1]]]]]]]]]]}').end, 'too_large')
  })

  test('passes a value that nobody asked for without a limit of its own', () => {
    assert.deepEqual(scan(`{"other":"${'x'.repeat(5000)}"}`, { itemBytes: 10 }).end, {})
  })
})
