import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { checkLayout, elfSection, layoutDifferences, readStructs } from '../../../src/kernel/btf.ts'
import { LAYOUTS, ORIGINAL_DST } from '../../../src/kernel/layout.ts'
import { btfSection, type DescribedStruct, elfFile } from '../../support/btf-object.ts'

const OURS: readonly DescribedStruct[] = Object.entries(LAYOUTS).map(([name, { size, fields }]) => ({
  name,
  size,
  members: Object.entries(fields).map(([field, { offset }]) => ({ name: field, offset })),
}))
const objectOf = (structs: readonly DescribedStruct[]): Buffer =>
  elfFile({ '.text': Buffer.alloc(9), '.BTF': btfSection(structs) })
/** Our structs with one of them changed. */
const changed = (name: string, change: (struct: DescribedStruct) => DescribedStruct): Buffer =>
  objectOf(OURS.map((struct) => (struct.name === name ? change(struct) : struct)))

test('a section is found by its name', () => {
  const file = elfFile({ one: Buffer.from('first'), two: Buffer.from('second') })
  assert.equal(elfSection(file, 'two').toString(), 'second')
  assert.throws(() => elfSection(file, 'three'), /no section three/)
})

test('structs are read across types of other kinds', () => {
  const structs = readStructs(btfSection(OURS))
  assert.deepEqual([...structs.keys()], Object.keys(LAYOUTS))
  assert.equal(structs.get('original_dst')?.size, ORIGINAL_DST.size)
  assert.equal(structs.get('original_dst')?.offsets.get('comm'), ORIGINAL_DST.fields.comm.offset)
})

test('an object that agrees has no differences', () => {
  assert.deepEqual(layoutDifferences(objectOf(OURS)), [])
  checkLayout(objectOf(OURS))
})

test('a struct that grew is named', () => {
  const file = changed('policy', (struct) => ({ ...struct, size: 120 }))
  assert.deepEqual(layoutDifferences(file), ['struct policy is 120 bytes, not 116'])
})

test('a field that moved is named', () => {
  const file = changed('leg_key', (struct) => ({
    ...struct,
    members: struct.members.map((member) => (member.name === 'source_port' ? { ...member, offset: 22 } : member)),
  }))
  assert.deepEqual(layoutDifferences(file), ['leg_key.source_port is at 22, not 20'])
})

test('a field that is gone, a new one and a struct that is gone are named', () => {
  const file = objectOf(
    OURS.filter(({ name }) => name !== 'cidr_key').map((struct) =>
      struct.name === 'policy'
        ? { ...struct, members: [...struct.members.slice(1), { name: 'novelty', offset: 0 }] }
        : struct,
    ),
  )
  assert.deepEqual(layoutDifferences(file).sort(), [
    'policy.id is at no offset, not 0',
    'policy.novelty is not in the table',
    'struct cidr_key is not in the object file',
  ])
})

test('a disagreement is an error of this machine, with a remedy', () => {
  const file = changed('policy', (struct) => ({ ...struct, size: 120 }))
  assert.throws(
    () => checkLayout(file),
    (error) =>
      error instanceof UnderstudyError && error.code === 'LAYOUT_MISMATCH' && /make bpf/.test(error.remedy ?? ''),
  )
})

for (const [situation, bytes] of [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('#!/bin/sh\n'.repeat(20))],
  ['a 32-bit ELF file', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)])],
  ['a big-endian ELF file', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 2]), Buffer.alloc(100)])],
  ['an ELF file cut short', objectOf(OURS).subarray(0, 300)],
  ['an ELF file without BTF', elfFile({ '.text': Buffer.alloc(4) })],
  ['an ELF file with an empty BTF section', elfFile({ '.BTF': Buffer.alloc(0) })],
  ['an ELF file whose BTF is cut short', elfFile({ '.BTF': btfSection(OURS).subarray(0, 90) })],
] as const) {
  test(`${situation} is refused with a RangeError`, () => {
    assert.throws(() => layoutDifferences(bytes), RangeError)
  })
}
