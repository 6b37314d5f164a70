import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layoutDifferences, readStructs } from '../../src/kernel/btf.ts'
import { LAYOUTS } from '../../src/kernel/layout.ts'
import { btfSection, elfFile } from '../support/btf-object.ts'

const section = btfSection(
  Object.entries(LAYOUTS).map(([name, { size, fields }]) => ({
    name,
    size,
    members: Object.entries(fields).map(([field, { offset }]) => ({ name: field, offset })),
  })),
)
const file = elfFile({ '.BTF': section })

const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 })
const damaged = (bytes: Buffer) =>
  fc.tuple(changes, fc.nat(bytes.length)).map(([list, length]) => {
    const copy = Buffer.from(bytes)
    for (const [at, value] of list) copy[at % copy.length] = value
    // most of the time only the head is what matters
    return length % 4 === 0 ? copy.subarray(0, length) : copy
  })

/** Runs to its end, or says RangeError; anything else fails the test. */
const onlyRangeErrors = (work: () => unknown): void => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error))
  }
}

test('a damaged BTF section is read or refused with a RangeError', () => {
  fc.assert(fc.property(damaged(section), (bytes) => onlyRangeErrors(() => readStructs(bytes))))
})

test('a damaged object file is compared or refused with a RangeError', () => {
  fc.assert(fc.property(damaged(file), (bytes) => onlyRangeErrors(() => layoutDifferences(bytes))))
})

test('a damaged ELF head is read or refused with a RangeError', () => {
  const heads = fc.array(fc.tuple(fc.integer({ min: 6, max: 63 }), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
  fc.assert(
    fc.property(heads, (list) => {
      const copy = Buffer.from(file)
      for (const [at, value] of list) copy[at] = value
      onlyRangeErrors(() => layoutDifferences(copy))
    }),
  )
})

test('hostile bytes behind the right first ones are read or refused with a RangeError', () => {
  const magic = Buffer.from([0x9f, 0xeb, 1, 0])
  const elf = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      onlyRangeErrors(() => readStructs(Buffer.concat([magic, bytes])))
      onlyRangeErrors(() => layoutDifferences(Buffer.concat([elf, bytes])))
      onlyRangeErrors(() => layoutDifferences(Buffer.from(bytes)))
    }),
  )
})
