import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Block, createBlocks, LARGEST_RECORD } from '../../../src/control/blocks.ts'

const fill = (count: number) => {
  const blocks = createBlocks()
  const places = Array.from({ length: count }, () => blocks.reserve(LARGEST_RECORD))
  return { blocks, places }
}

test('records begin at multiples of eight bytes and do not overlap', () => {
  const blocks = createBlocks()
  const places = [1, 8, 9, 100, LARGEST_RECORD].map((bytes) => ({ bytes, place: blocks.reserve(bytes) }))
  const ranges = places.map(({ bytes, place }) => [blocks.offsetOf(place), blocks.offsetOf(place) + bytes])
  assert.deepEqual(
    ranges.map(([from = 0]) => from % 8),
    [0, 0, 0, 0, 0],
  )
  for (const [index, [from = 0]] of ranges.entries()) assert.ok(index === 0 || from >= (ranges[index - 1]?.[1] ?? 0))
})

test('a block that nothing is wanted of is used again', () => {
  const { blocks, places } = fill(64)
  const seen = new Set(places.map((place) => blocks.blockOf(place)))
  const [oldest] = [...seen]
  for (const place of places.slice(0, 8)) blocks.release(place)
  const next = new Set(Array.from({ length: 16 }, () => blocks.blockOf(blocks.reserve(LARGEST_RECORD))))
  assert.ok(next.has(oldest as Block))
})

test('a block that is being read is not written again', () => {
  const { blocks, places } = fill(64)
  blocks.lend()
  const lent = new Set(places.map((place) => blocks.blockOf(place)))
  for (const place of places) blocks.release(place)
  const later = Array.from({ length: 64 }, () => blocks.blockOf(blocks.reserve(LARGEST_RECORD)))
  assert.deepEqual(
    later.filter((block) => lent.has(block)),
    [],
  )
})

test('a record that was given back cannot be read', () => {
  const { blocks, places } = fill(16)
  for (const place of places.slice(0, 8)) blocks.release(place)
  assert.throws(() => blocks.blockOf(places[0] ?? 0), /given back/)
})
