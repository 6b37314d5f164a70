import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { readDocument } from '../../../src/config/document.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { closest, keyText, shown } from '../../../src/config/problems.ts'
import { UnderstudyError } from '../../../src/errors.ts'

const NAMES = ['listenPort', 'adminHost', 'adminPort', 'excludePorts', 'excludeCidrs', 'ringBytes', 'failMode'] as const
const screaming = (key: string): string => `UNDERSTUDY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Runs `action`; anything but success or an UnderstudyError of one line per problem fails the property. */
function holds(action: () => unknown): void {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof UnderstudyError, String(error))
    assert.equal(error.code, 'BAD_CONFIG')
    for (const line of error.message.split('\n')) assert.match(line, /^(f:\d+:\d+ |UNDERSTUDY_\w+|\w+, which)/)
  }
}

const yamlish = fc
  .array(
    fc.constantFrom(
      'a',
      ': ',
      '- ',
      '\n',
      '  ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&x ',
      '*x',
      '!t ',
      '#',
      '\t',
      '|',
      '?',
      ',',
    ),
  )
  .map((parts) => parts.join(''))

test('hostile text is a value or a list of places, never another failure', () => {
  fc.assert(
    fc.property(fc.oneof(yamlish, fc.string({ unit: 'binary' })), (text) => {
      holds(() => readDocument({ path: 'f', text, schema: z.strictObject({ a: z.int() }), code: 'BAD_CONFIG' }))
    }),
  )
})

test('any JSON document is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), (text) => {
      const { value } = readDocument({ path: 'f', text, schema: z.unknown(), code: 'BAD_CONFIG' })
      assert.deepEqual(value, JSON.parse(text))
    }),
  )
})

test('any environment is accepted or refused by name', () => {
  const env = fc.dictionary(fc.constantFrom(...NAMES.map(screaming)), fc.oneof(fc.string(), fc.integer().map(String)))
  fc.assert(fc.property(env, (values) => holds(() => loadConfig({ env: values }))))
})

test('what is shown of a value is one short line', () => {
  fc.assert(
    fc.property(fc.anything(), fc.string({ maxLength: 2000 }), (value, text) => {
      for (const line of [shown(value), shown(text)]) assert.ok(line.length < 500 && !line.includes('\n'))
    }),
  )
})

test('a suggestion is always one of the candidates, and an exact name suggests itself', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...NAMES), (word, name) => {
      const meant = closest(word, NAMES)
      assert.ok(meant === undefined || NAMES.some((candidate) => candidate === meant))
      assert.equal(closest(name, NAMES), name)
    }),
  )
})

test('a key path is one line of bounded parts', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string({ maxLength: 300 }), fc.nat())), (path) => {
      assert.ok(!keyText(path).includes('\n'))
    }),
  )
})
