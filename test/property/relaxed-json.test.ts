import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readDocument } from '../../src/control/read-json.ts'
import { relaxJson } from '../../src/control/relaxed-json.ts'

/** Writes a value the way nobody should: comments everywhere, single quotes, bare names, commas at the end. */
function sloppy(value: unknown, noise: () => string): string {
  const quoted = (text: string): string =>
    `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) {
    if (value.length === 0) return `[${noise()}]`
    return `[${value.map((item) => noise() + sloppy(item, noise) + noise()).join(',')},${noise()}]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(([name, item]) => {
    const key = /^[a-z_$][\w$]*$/i.test(name) ? name : quoted(name)
    return `${noise()}${key}${noise()}:${noise()}${sloppy(item, noise)}${noise()}`
  })
  return `{${members.join(',')}${members.length > 0 ? ',' : ''}}`
}

const NOISE = ['', ' ', '\n', '/* "\' */', '// {\n', '# [ \' "\n', '\t']

test('a value is read as it was, however sloppily it is written', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.infiniteStream(fc.constantFrom(...NOISE)), (value, noises) => {
      const noise = (): string => String(noises.next().value)
      const read = readDocument(Buffer.from(`${noise()}${sloppy(value, noise)}${noise()}`))
      assert.ok('value' in read, JSON.stringify(read))
      const wanted = value === '' || value === null ? undefined : value
      assert.equal(JSON.stringify(read.value), JSON.stringify(wanted))
    }),
    { numRuns: 500 },
  )
})

test('strict JSON means the same after it was relaxed', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const relaxed = relaxJson(text, 1000)
      assert.ok(relaxed !== 'too_deep')
      assert.deepEqual(JSON.parse(relaxed.text), JSON.parse(text))
    }),
  )
})

const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  "'",
  '\\',
  '//',
  '/*',
  '*/',
  '#',
  '\n',
  'a',
  '0',
  '-',
  'true',
  '\u0000',
  '/',
]

test('no text makes it throw, and what it gives is not much longer', () => {
  const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.oneof(pieces, fc.string()), (text) => {
      const relaxed = relaxJson(text, 200)
      if (relaxed !== 'too_deep') assert.ok(relaxed.text.length <= 6 * text.length + 2)
      readDocument(Buffer.from(text))
    }),
    { numRuns: 2000 },
  )
})
