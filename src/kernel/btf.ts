/**
 * A small pure reader of BTF (Documentation/bpf/btf.rst): struct sizes and member offsets out of a BPF object file,
 * so that layout.ts can be compared with what the compiler laid out.
 */
import { UnderstudyError } from '../errors.ts'
import { LAYOUTS, type StructLayout } from './layout.ts'

const KIND_STRUCT = 4
/** Bytes that follow struct btf_type, per kind: a fixed part and a part per `vlen`. */
const EXTRA: Readonly<Record<number, { fixed: number; each: number }>> = {
  1: { fixed: 4, each: 0 }, // INT
  3: { fixed: 12, each: 0 }, // ARRAY
  4: { fixed: 0, each: 12 }, // STRUCT
  5: { fixed: 0, each: 12 }, // UNION
  6: { fixed: 0, each: 8 }, // ENUM
  13: { fixed: 0, each: 8 }, // FUNC_PROTO
  14: { fixed: 4, each: 0 }, // VAR
  15: { fixed: 0, each: 12 }, // DATASEC
  17: { fixed: 4, each: 0 }, // DECL_TAG
  19: { fixed: 0, each: 12 }, // ENUM64
}

/** The bytes of one ELF64 little-endian section (elf(5)). Throws RangeError when the file is not that. */
export const elfSection = (file: Buffer, name: string): Buffer => {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new RangeError('not a little-endian ELF64 file')
  }
  const table = Number(file.readBigUInt64LE(0x28))
  const entrySize = file.readUInt16LE(0x3a)
  const header = (index: number) => {
    const base = table + index * entrySize
    return {
      name: file.readUInt32LE(base),
      offset: Number(file.readBigUInt64LE(base + 0x18)),
      size: Number(file.readBigUInt64LE(base + 0x20)),
    }
  }
  const names = header(file.readUInt16LE(0x3e))
  for (let i = 0; i < file.readUInt16LE(0x3c); i++) {
    const section = header(i)
    if (text(file, names.offset + section.name) === name) {
      return file.subarray(section.offset, section.offset + section.size)
    }
  }
  throw new RangeError(`no section ${name}`)
}

const text = (bytes: Buffer, start: number): string => {
  const end = bytes.indexOf(0, start)
  return bytes.toString('latin1', start, end < 0 ? bytes.length : end)
}

/** Name → size and byte offset of each member, for every struct in a .BTF section. Throws RangeError on damage. */
export const readStructs = (btf: Buffer): Map<string, { size: number; offsets: Map<string, number> }> => {
  if (btf.length < 24 || btf.readUInt16LE(0) !== 0xeb9f) throw new RangeError('not a BTF section')
  const headerLength = btf.readUInt32LE(4)
  const types = headerLength + btf.readUInt32LE(8)
  const end = types + btf.readUInt32LE(12)
  const strings = headerLength + btf.readUInt32LE(16)
  const structs = new Map<string, { size: number; offsets: Map<string, number> }>()
  for (let at = types; at < end; ) {
    const info = btf.readUInt32LE(at + 4)
    const kind = (info >>> 24) & 0x1f
    const count = info & 0xffff
    if (kind === KIND_STRUCT) {
      const offsets = new Map<string, number>()
      for (let i = 0; i < count; i++) {
        const member = at + 12 + i * 12
        offsets.set(text(btf, strings + btf.readUInt32LE(member)), (btf.readUInt32LE(member + 8) & 0xffffff) / 8)
      }
      structs.set(text(btf, strings + btf.readUInt32LE(at)), { size: btf.readUInt32LE(at + 8), offsets })
    }
    const extra = EXTRA[kind] ?? { fixed: 0, each: 0 }
    at += 12 + extra.fixed + extra.each * count
  }
  return structs
}

/** Every difference between the object file and layout.ts, in words; empty when they agree. */
export const layoutDifferences = (
  objectFile: Buffer,
  layouts: Readonly<Record<string, StructLayout>> = LAYOUTS,
): string[] => {
  const structs = readStructs(elfSection(objectFile, '.BTF'))
  return Object.entries(layouts).flatMap(([name, layout]) => {
    const found = structs.get(name)
    if (!found) return [`struct ${name} is not in the object file`]
    const differences = found.size === layout.size ? [] : [`struct ${name} is ${found.size} bytes, not ${layout.size}`]
    for (const [field, { offset }] of Object.entries(layout.fields)) {
      const actual = found.offsets.get(field)
      if (actual !== offset) differences.push(`${name}.${field} is at ${actual ?? 'no offset'}, not ${offset}`)
    }
    for (const field of found.offsets.keys()) {
      if (!(field in layout.fields)) differences.push(`${name}.${field} is not in the table`)
    }
    return differences
  })
}

/** Throws LAYOUT_MISMATCH unless the object file and this program agree on every shared struct. */
export const checkLayout = (objectFile: Buffer, layouts?: Readonly<Record<string, StructLayout>>): void => {
  const differences = layoutDifferences(objectFile, layouts)
  if (differences.length === 0) return
  throw new UnderstudyError('LAYOUT_MISMATCH', `the BPF object does not fit this program: ${differences.join('; ')}`, {
    remedy: 'Rebuild it: `make bpf`.',
  })
}
