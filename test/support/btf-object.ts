/** Writes the smallest ELF64 file with a .BTF section, so that the reader can be tested without a compiler. */

interface Member {
  readonly name: string
  readonly offset: number
}
export interface DescribedStruct {
  readonly name: string
  readonly size: number
  readonly members: readonly Member[]
}

const KIND_INT = 1
const KIND_ARRAY = 3
const KIND_STRUCT = 4
const KIND_VAR = 14

const words = (...values: number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, i) => {
    bytes.writeUInt32LE(value >>> 0, i * 4)
  })
  return bytes
}

const stringTable = () => {
  let text = '\0'
  return {
    add: (name: string): number => {
      const at = text.length
      text += `${name}\0`
      return at
    },
    bytes: () => Buffer.from(text, 'latin1'),
  }
}

/** A .BTF section (Documentation/bpf/btf.rst) with an int, an array and a variable before the structs. */
export const btfSection = (structs: readonly DescribedStruct[]): Buffer => {
  const strings = stringTable()
  const type = (name: string, kind: number, count: number, size: number, ...rest: number[]) =>
    words(strings.add(name), (kind << 24) | count, size, ...rest)
  const types = Buffer.concat([
    type('unsigned int', KIND_INT, 0, 4, 32),
    type('', KIND_ARRAY, 0, 0, 1, 1, 16),
    type('variable', KIND_VAR, 0, 1, 1),
    ...structs.map(({ name, size, members }) =>
      type(
        name,
        KIND_STRUCT,
        members.length,
        size,
        ...members.flatMap((member) => [strings.add(member.name), 1, member.offset * 8]),
      ),
    ),
  ])
  const text = strings.bytes()
  const header = Buffer.concat([Buffer.from([0x9f, 0xeb, 1, 0]), words(24, 0, types.length, types.length, text.length)])
  return Buffer.concat([header, types, text])
}

/** An ELF64 file (elf(5)) with the given sections. */
export const elfFile = (sections: Readonly<Record<string, Buffer>>): Buffer => {
  const names = stringTable()
  const bodies: { name: number; body: Buffer }[] = []
  for (const [name, body] of Object.entries(sections)) bodies.push({ name: names.add(name), body })
  bodies.push({ name: names.add('.shstrtab'), body: Buffer.alloc(0) })
  const last = bodies.at(-1)
  if (last) last.body = names.bytes()
  const file: Buffer[] = [Buffer.alloc(64)]
  let at = 64
  const headers = [Buffer.alloc(64)]
  for (const { name, body } of bodies) {
    const header = Buffer.alloc(64)
    header.writeUInt32LE(name, 0)
    header.writeBigUInt64LE(BigInt(at), 0x18)
    header.writeBigUInt64LE(BigInt(body.length), 0x20)
    headers.push(header)
    file.push(body)
    at += body.length
  }
  const head = file[0] ?? Buffer.alloc(64)
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(head)
  head.writeBigUInt64LE(BigInt(at), 0x28)
  head.writeUInt16LE(64, 0x3a)
  head.writeUInt16LE(headers.length, 0x3c)
  head.writeUInt16LE(headers.length - 1, 0x3e)
  return Buffer.concat([...file, ...headers])
}
