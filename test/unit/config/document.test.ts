import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { problemsError, readDocument, readTextFile } from '../../../src/config/document.ts'
import { closest } from '../../../src/config/problems.ts'
import { type ErrorCode, UnderstudyError } from '../../../src/errors.ts'

const whole = z.int({ error: 'expected a whole number from 1 to 65535' }).min(1).max(65535)
const Sample = z.strictObject({
  port: whole.optional(),
  mode: z.enum(['forward', 'refuse']).optional(),
  list: z.array(z.strictObject({ name: z.string(), weight: z.number().optional() })).optional(),
  body: z
    .union([z.string(), z.strictObject({ type: z.literal('JSON'), json: z.unknown() }), z.array(z.string())])
    .optional(),
})

function read<T>(text: string, schema: z.ZodType<T>): T {
  return readDocument({ path: 'f.yaml', text, schema, code: 'BAD_CONFIG' }).value
}

/** The lines of the error that `action` throws. */
function linesOf(action: () => unknown, code: ErrorCode = 'BAD_CONFIG'): string[] {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof UnderstudyError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.remedy)
    return error.message.split('\n')
  }
  assert.fail('nothing was thrown')
}

test('a YAML file gives its value', () => {
  assert.deepEqual(read('port: 80\nlist:\n  - name: a\n', Sample), { port: 80, list: [{ name: 'a' }] })
})

test('a JSON file indented with tabs gives its value', () => {
  assert.deepEqual(read('{\n\t"port": 80,\n\t"list": [\n\t\t{"name": "a\\/b"}\n\t]\n}', Sample), {
    port: 80,
    list: [{ name: 'a/b' }],
  })
})

test('every problem of a file is listed with its line, column and key', () => {
  const text = 'port: 80a\nmode: forwrd\nlist:\n  - nam: x\n  - name: 7\n'
  assert.deepEqual(
    linesOf(() => read(text, Sample)),
    [
      'f.yaml:1:7 port: expected a whole number from 1 to 65535, got "80a"',
      'f.yaml:2:7 mode: expected one of "forward", "refuse", got "forwrd"; did you mean "forward"?',
      'f.yaml:4:5 list[0].name: missing; expected a string',
      'f.yaml:4:5 list[0].nam: unknown key; did you mean "name"?',
      'f.yaml:5:11 list[1].name: expected a string, got 7',
    ],
  )
})

test('a number out of range names the range and the number', () => {
  assert.deepEqual(
    linesOf(() => read('port: 70000', Sample)),
    ['f.yaml:1:7 port: expected a whole number from 1 to 65535, got 70000'],
  )
})

test('each unknown key is its own problem, at the key', () => {
  assert.deepEqual(
    linesOf(() => read('prt: 1\nport: 2\nfoo bar: 3\n', Sample)),
    [
      'f.yaml:1:1 prt: unknown key; did you mean "port"?',
      'f.yaml:3:1 ["foo bar"]: unknown key; known here: port, mode, list, body',
    ],
  )
})

test('a union error names the branch that the writer was filling in', () => {
  assert.deepEqual(
    linesOf(() => read('body:\n  type: JSON\n  jsn: 1\n', Sample)),
    ['f.yaml:1:1 body.json: missing; expected a value', 'f.yaml:3:3 body.jsn: unknown key; did you mean "json"?'],
  )
  assert.deepEqual(
    linesOf(() => read('body: [a, 5]\n', Sample)),
    ['f.yaml:1:11 body[1]: expected a string, got 5'],
  )
})

test('a union value of no known kind is told every kind', () => {
  assert.deepEqual(
    linesOf(() => read('body: true\n', Sample)),
    ['f.yaml:1:7 body: expected a string or an object or a list, got true'],
  )
})

test('all syntax errors are listed with line and column', () => {
  const lines = linesOf(() => read('port: 1\nport: 2\nlist: [1\n', Sample))
  assert.equal(lines[0], 'f.yaml:2:1 this key is given twice')
  assert.match(lines[1] ?? '', /^f\.yaml:4:1 not valid YAML or JSON: /)
})

test('broken JSON names its line', () => {
  assert.match(linesOf(() => read('{"port": 1,\n "mode": }x', Sample))[0] ?? '', /^f\.yaml:2:/)
})

test('an unknown tag is refused, not ignored', () => {
  assert.match(linesOf(() => read('port: !env PORT', Sample))[0] ?? '', /^f\.yaml:1:7 .*Unresolved tag/)
})

test('an alias bomb is refused', () => {
  const rows = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let row = 1; row < 10; row++)
    rows.push(
      `a${row}: &a${row} [${Array(10)
        .fill(`*a${row - 1}`)
        .join(', ')}]`,
    )
  assert.match(linesOf(() => read(rows.join('\n'), z.unknown()))[0] ?? '', /^f\.yaml:1:1 Excessive alias count/)
})

test('an alias is followed to the place it stands for', () => {
  const text = 'list:\n  - &first {name: a, weight: heavy}\n  - *first\n'
  assert.deepEqual(
    linesOf(() => read(text, Sample)),
    [
      'f.yaml:2:30 list[0].weight: expected a number, got "heavy"',
      'f.yaml:2:30 list[1].weight: expected a number, got "heavy"',
    ],
  )
})

for (const [name, text] of [
  ['an empty file', ''],
  ['a file of comments', '# nothing\n'],
  ['a lone document marker', '---\n'],
] as const) {
  test(`${name} is undefined to the schema, or said to be empty`, () => {
    assert.equal(read(text, Sample.optional()), undefined)
    assert.deepEqual(
      linesOf(() => read(text, Sample)),
      ['f.yaml:1:1 the file is empty'],
    )
  })
}

test('a document nested without end is an error, not a crash', () => {
  const lines = linesOf(() => read(`${'['.repeat(50_000)}${']'.repeat(50_000)}`, z.unknown()))
  assert.match(lines[0] ?? '', /^f\.yaml:1:\d+ nested too deeply$/)
})

test('a long wrong value is quoted in part and on one line', () => {
  const [line] = linesOf(() => read(`port: "${'x\\n'.repeat(500)}"`, Sample))
  assert.ok(line !== undefined && line.length < 200)
})

test('more than a hundred problems are counted, not printed', () => {
  const lines = linesOf(() => read(`list:\n${'  - name: 1\n'.repeat(150)}`, Sample))
  assert.equal(lines.length, 101)
  assert.equal(lines[100], '… and 50 more')
})

test('the place of a key path can be asked for later', () => {
  const text = 'port: 80\nlist:\n  - name: a\n  - name: b\n'
  const { locate } = readDocument({ path: 'f.yaml', text, schema: Sample, code: 'BAD_CONFIG' })
  assert.deepEqual(locate([]), { line: 1, column: 1 })
  assert.deepEqual(locate(['port']), { line: 1, column: 7 })
  assert.deepEqual(locate(['list']), { line: 2, column: 1 })
  assert.deepEqual(locate(['list', 1]), { line: 4, column: 5 })
  assert.deepEqual(locate(['list', 1, 'name']), { line: 4, column: 11 })
  assert.deepEqual(locate(['list', 9, 'name']), { line: 2, column: 1 })
})

test('problems found after parsing are reported in the same form', () => {
  const error = problemsError('BAD_EXPECTATIONS', 'e.json', [
    { line: 3, column: 4, key: '[0].id', message: 'given twice' },
  ])
  assert.equal(error.message, 'e.json:3:4 [0].id: given twice')
  assert.equal(error.class, 'operator')
})

test('a close name is found, a far one is not', () => {
  const names = ['listenPort', 'adminPort', 'failMode', 'id']
  assert.equal(closest('listenport', names), 'listenPort')
  assert.equal(closest('adminPrt', names), 'adminPort')
  assert.equal(closest('fail', names), 'failMode')
  assert.equal(closest('upstream', names), undefined)
})

test('a file that cannot be read says why and what to do', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'document-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const missing = join(folder, 'missing.yaml')
  assert.deepEqual(
    linesOf(() => readTextFile(missing), 'FILE_UNREADABLE'),
    [`cannot read ${missing}: no such file`],
  )
  assert.deepEqual(
    linesOf(() => readTextFile(folder), 'FILE_UNREADABLE'),
    [`cannot read ${folder}: it is a directory`],
  )
  const binary = join(folder, 'binary.yaml')
  writeFileSync(binary, Buffer.from([0x61, 0xff, 0xfe]))
  assert.deepEqual(
    linesOf(() => readTextFile(binary), 'FILE_UNREADABLE'),
    [`cannot read ${binary}: it is not UTF-8 text`],
  )
})

test('a file without end is refused at the bound', () => {
  assert.deepEqual(
    linesOf(() => readTextFile('/dev/zero'), 'FILE_UNREADABLE'),
    ['cannot read /dev/zero: it is larger than 16 MiB'],
  )
})

test('a text file is read whole', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'document-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const text = 'é'.repeat(100_000)
  writeFileSync(join(folder, 'a.yaml'), text)
  assert.equal(readTextFile(join(folder, 'a.yaml')), text)
})
