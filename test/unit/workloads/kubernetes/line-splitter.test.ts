import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLineSplitter } from '../../../../src/workloads/kubernetes/line-splitter.ts'

describe('the answer to a watch', () => {
  test('is the same lines however it is cut', () => {
    const text = Buffer.from('one\n\ntwö\nthree')
    for (let size = 1; size <= text.length; size += 1) {
      const lines: string[] = []
      const splitter = createLineSplitter(100, (line) => lines.push(line))
      for (let at = 0; at < text.length; at += size) assert.ok(splitter.push(text.subarray(at, at + size)))
      assert.deepEqual(lines, ['one', 'twö'])
      assert.equal(splitter.pending, 5)
    }
  })

  test('cannot be read on after a line above the limit, and keeps nothing of it', () => {
    const lines: string[] = []
    const splitter = createLineSplitter(4, (line) => lines.push(line))
    assert.ok(splitter.push(Buffer.from('1234\n')))
    assert.equal(splitter.push(Buffer.from('12345')), false)
    assert.equal(splitter.pending, 0)
    assert.equal(splitter.push(Buffer.from('\nafter\n')), false)
    assert.deepEqual(lines, ['1234'])
  })

  test('does not grow with a line that comes byte by byte', () => {
    const splitter = createLineSplitter(1 << 20, () => undefined)
    const before = process.memoryUsage().arrayBuffers
    for (let at = 0; at < 1 << 20; at += 1) splitter.push(Buffer.from('x'))
    assert.equal(splitter.pending, 1 << 20)
    assert.equal(splitter.push(Buffer.from('x')), false)
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 << 20)
  })
})
