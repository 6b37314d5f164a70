import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseLenientJson } from '../../src/content/templates/lenient-json.ts'
import { compileTemplate, type TemplateModel } from '../../src/content/templates/template.ts'
import { SOURCES } from '../support/templates.ts'

const VELOCITY = [
  '$',
  '!',
  '{',
  '}',
  'a',
  'request',
  '.',
  'path',
  'headers',
  '[',
  ']',
  '(',
  ')',
  '0',
  '1',
  "'",
  '"',
  '#',
  'if',
  'set',
  'foreach',
  'end',
  'else',
  'elseif',
  'macro',
  'define',
  ' in ',
  '=',
  '+',
  '-',
  '..',
  ',',
  ':',
  '\\',
  '*',
  '\n',
  '|',
  'break',
  'json',
  'parse',
  'add',
  'not ',
]
const MUSTACHE = [
  '{{',
  '}}',
  '{',
  '}',
  '#',
  '/',
  '^',
  '!',
  '&',
  '=',
  '>',
  'a',
  '.',
  'request',
  'headers',
  'this',
  '-first',
  'jsonPath',
  'xPath',
  '$',
  ' ',
  '\n',
  '0',
  'entrySet',
]
const JAVASCRIPT = [
  'return',
  ' ',
  '{',
  '}',
  '(',
  ')',
  'request',
  '.',
  'a',
  ':',
  '1',
  ';',
  '"',
  '`',
  '=>',
  'function',
  'new',
  '[',
  ']',
  '/',
  '\\',
  '\n',
  'async',
  'class',
]

const texts = (words: readonly string[]) =>
  fc.oneof(
    fc.array(fc.constantFrom(...words), { maxLength: 40 }).map((parts) => parts.join('')),
    fc.string({ unit: 'binary', maxLength: 60 }),
  )

const pairs = fc.array(fc.string({ maxLength: 12 }), { maxLength: 8 }).map((all) => all.slice(0, all.length & ~1))
const models: fc.Arbitrary<TemplateModel> = fc.record({
  method: fc.string({ maxLength: 8 }),
  path: fc.string({ maxLength: 20 }),
  query: fc.string({ maxLength: 20 }),
  headers: pairs,
  pathParameters: pairs,
  isSecure: fc.boolean(),
  keepsAlive: fc.boolean(),
  localAddress: fc.string(),
  remoteAddress: fc.string(),
  body: fc
    .record({
      bytes: fc.oneof(fc.uint8Array({ maxLength: 60 }).map(Buffer.from), fc.json().map(Buffer.from)),
      contentType: fc.constantFrom(undefined, 'application/json', 'text/xml; charset=latin1'),
    })
    .map((body) => ({ ...body, sent: body.bytes })),
})

for (const [type, words] of [
  ['VELOCITY', VELOCITY],
  ['MUSTACHE', MUSTACHE],
] as const) {
  test(`whatever text is a ${type} template or a problem, and neither throws, whatever the request`, () => {
    fc.assert(
      fc.property(texts(words), models, (text, model) => {
        const compiled = compileTemplate(type, text)
        if ('problem' in compiled) return assert.notEqual(compiled.problem, '')
        const rendered = compiled.render(model, SOURCES)
        assert.equal(rendered instanceof Promise || 'document' in rendered || rendered.problem !== '', true)
        assert.doesNotMatch('problem' in rendered ? rendered.problem : '', /^the template failed/)
      }),
      { numRuns: 2000 },
    )
  })
}

test('whatever text is a JAVASCRIPT template or a problem, and neither throws or rejects', async () => {
  await fc.assert(
    fc.asyncProperty(texts(JAVASCRIPT), models, async (text, model) => {
      const compiled = compileTemplate('JAVASCRIPT', text)
      if ('problem' in compiled) return assert.notEqual(compiled.problem, '')
      const rendered = await compiled.render(model, SOURCES)
      assert.equal('document' in rendered || rendered.problem !== '', true)
    }),
    { numRuns: 300 },
  )
})

test('a whole request is printed by templates of all kinds, whatever it is', async () => {
  const velocity = compileTemplate(
    'VELOCITY',
    `{"body": "$strings.base64Encode("$request $request.headers $request.queryStringParameters $request.cookies $!request.body")"}`,
  )
  const mustache = compileTemplate(
    'MUSTACHE',
    `{"body": "{{#request.headers.entrySet}}{{#value}}x{{/value}}{{/request.headers.entrySet}}"}`,
  )
  const script = compileTemplate('JAVASCRIPT', 'return { body: JSON.stringify(request) }')
  await fc.assert(
    fc.asyncProperty(models, async (model) => {
      for (const compiled of [velocity, mustache, script]) {
        assert.equal('render' in compiled && 'document' in (await compiled.render(model, SOURCES)), true)
      }
    }),
    { numRuns: 200 },
  )
})

test('JSON is read as JSON.parse reads it, and whatever else never makes the reader throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      // A comment makes it go the longer way.
      assert.deepEqual(parseLenientJson(`/**/${text}`), { value: JSON.parse(text) })
    }),
  )
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom(
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          "'",
          '"',
          'a',
          '1',
          '-',
          '.',
          'e',
          '/',
          '*',
          '\\',
          'u',
          '\n',
          'true',
        ),
        { maxLength: 30 },
      ),
      (parts) => {
        const parsed = parseLenientJson(parts.join(''))
        assert.equal('value' in parsed || parsed.problem.startsWith('line '), true)
      },
    ),
    { numRuns: 2000 },
  )
})
