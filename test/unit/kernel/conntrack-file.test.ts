import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SEARCH_BOUNDS, type SearchPorts, searchConntrackFile } from '../../../src/kernel/conntrack-file.ts'
import { RECORDED } from '../../support/conntrack-recorded.ts'

const { line, entry } = RECORDED.v4
const found = { kind: 'entry', entry }
const OTHER = line.replace('sport=40095', 'sport=40096')

/** Hands `text` out in pieces of at most `size` bytes; every look at the clock takes `tick` ms. */
const portsOf = (text: string, size = 4096, tick = 0): SearchPorts & { reads: number } => {
  const bytes = Buffer.from(text)
  let at = 0
  let time = 0
  return {
    reads: 0,
    read(buffer) {
      this.reads++
      const length = bytes.copy(buffer, 0, at, Math.min(at + Math.min(size, buffer.length), bytes.length))
      at += length
      return length
    },
    now: () => {
      time += tick
      return time
    },
  }
}

const linesOf = (...lines: readonly string[]): string => lines.map((text) => `${text}\n`).join('')
const many = (count: number): string[] => Array.from({ length: count }, () => OTHER)

test('the entry is found whatever pieces the file comes in', () => {
  const text = linesOf(OTHER, line, OTHER)
  for (const size of [1, 2, 7, 100, 181, 182, 183, 4096]) {
    assert.deepEqual(searchConntrackFile(entry.reply, portsOf(text, size)), found, `pieces of ${size}`)
  }
})

test('reading ends where the entry is', () => {
  const ports = portsOf(linesOf(line, ...many(1000)))
  assert.deepEqual(searchConntrackFile(entry.reply, ports), found)
  assert.equal(ports.reads, 1)
})

test('an empty file, others only, and a line without an end hold nothing', () => {
  for (const text of ['', linesOf(OTHER, OTHER), line]) {
    assert.deepEqual(searchConntrackFile(entry.reply, portsOf(text)), { kind: 'nothing' })
  }
})

test('an entry that has the tuple in its first direction is another connection', () => {
  assert.deepEqual(searchConntrackFile(entry.original, portsOf(linesOf(line))), { kind: 'nothing' })
})

test('not more lines are looked at than allowed', () => {
  const bounds = { ...SEARCH_BOUNDS, lines: 10 }
  const limit = { kind: 'limit', limit: 'conntrack_lines' }
  for (const size of [50, 65_536]) {
    const search = (before: number) =>
      searchConntrackFile(entry.reply, portsOf(linesOf(...many(before), line), size), bounds)
    assert.deepEqual(search(9), found)
    assert.deepEqual(search(10), limit)
  }
})

test('not much more bytes are read than allowed', () => {
  const ports = portsOf(linesOf(...many(1000), line), 100)
  assert.deepEqual(searchConntrackFile(entry.reply, ports, { ...SEARCH_BOUNDS, bytes: 1000 }), {
    kind: 'limit',
    limit: 'conntrack_bytes',
  })
  assert.equal(ports.reads, 10)
})

test('a search that takes too long is given up', () => {
  const ports = portsOf(linesOf(...many(1000), line), 100, 10)
  assert.deepEqual(searchConntrackFile(entry.reply, ports), { kind: 'limit', limit: 'conntrack_time' })
  assert.equal(ports.reads, 5)
})

test('a line that never ends is not kept', () => {
  const ports = portsOf(`${'x'.repeat(1_000_000)}\n${line}\n`, 1000)
  assert.deepEqual(searchConntrackFile(entry.reply, ports), found)
})
