import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BOOKS, bodyBy, problemBy, renderedBy, withBody } from '../../../support/templates.ts'

const js = (template: string) => bodyBy('JAVASCRIPT', template)
const problem = (template: string) => problemBy('JAVASCRIPT', template)

test('a template returns an object, and has the request', async () => {
  const rendered = await renderedBy(
    'JAVASCRIPT',
    "return { statusCode: 201, headers: { 'X-A': ['1'] }, body: request.method + ' ' + request.path };",
  )
  assert.deepEqual(rendered, { document: { statusCode: 201, headers: { 'X-A': ['1'] }, body: 'POST /shop/42' } })
  assert.equal(
    await js("return { body: request.queryStringParameters.q[1] + request.cookies['d'] + request.pathParameters.id }"),
    '2242',
  )
  assert.deepEqual(await js('return { body: JSON.parse(request.body) }'), BOOKS)
  assert.equal(
    await js('const { method, headers } = request; return { body: method + headers.Host }'),
    'POSTshop.example',
  )
})

test('headers are found in any case, and are listed as they were sent', async () => {
  assert.equal(
    await js("return { body: request.headers['session-id'][0] + request.headers['HOST'][0] }"),
    's1shop.example',
  )
  assert.deepEqual(await js('var all = []; for (name in request.headers) all.push(name); return { body: all }'), [
    'Host',
    'Session-Id',
    'content-type',
    'Cookie',
  ])
})

test('conditions and loops', async () => {
  assert.equal(
    await js("if (request.method === 'POST') { return { body: 'yes' } } else { return { body: 'no' } }"),
    'yes',
  )
})

test('what is known beside the request', async () => {
  assert.deepEqual(await js('return { body: [now_epoch, now_iso_8601, typeof uuid, typeof rand_int] }'), [
    '1770091506',
    '2026-02-03T04:05:06.789Z',
    'string',
    'string',
  ])
  assert.deepEqual(
    await js("return { body: [jsonPath('$.count'), jsonPath('$.store.bicycle'), jsonPath('$.nope'), xPath('/a')] }"),
    [5, { color: 'red' }, '', ''],
  )
  assert.equal(
    await bodyBy('JAVASCRIPT', "return { body: xPath('/a/b') }", withBody('<a><b>x</b></a>', 'text/xml')),
    'x',
  )
  assert.deepEqual(
    await js(
      "return { body: [strings.uppercase('a'), dates.format('yyyy'), csv.parse('a,b')[0][1], yaml.toJson('a: 1')] }",
    ),
    ['A', '2026', 'b', '{"a":1}'],
  )
})

test('the same sources give the same', async () => {
  const template = 'return { body: [uuid, rand_bytes_16, calc.randomInt(1, 1000000)] }'
  assert.deepEqual(await js(template), await js(template))
})

test('mistakes of the language are found when the template is read, with their line', async () => {
  assert.match(await problem('return {\n  a: 1,,\n}'), /^not a valid JavaScript template: line 2: /)
  assert.match(await problem('return {'), /^not a valid JavaScript template: line 1: /)
  assert.match(await problem('}); while (true) {} (function () {'), /^not a valid JavaScript template/)
})

test('what a template throws, or fails to return, is told', async () => {
  assert.equal(await problem("let a\n\nthrow new TypeError('so')"), 'the template throws TypeError: so (line 3)')
  assert.equal(await problem("throw 'so'"), 'the template throws so')
  assert.equal(await problem('return'), 'the template returns nothing')
  assert.equal(await problem('return [1]'), 'the template must return an object')
  assert.match(await problem('return request.nope.more'), /^the template throws TypeError: /)
  assert.equal(
    await problem('const a = {}; a.a = a; return a').then((told) => told.startsWith('the template throws TypeError')),
    true,
  )
})

test('a template that does not end, that recurses or that fills memory is ended, and the next one is not hurt', async () => {
  assert.match(await problem('while (true) {}'), /^the template takes longer than (?:500|1000) ms$/)
  assert.match(await problem('function f() { return f() + 1 } return f()'), /stack overflow|call stack/)
  assert.match(await problem("let a = 'x'; for (;;) a += a"), /more than 8 MiB|string too long/)
  assert.equal(await problem('const a = []; for (;;) a.push({})'), 'the template needs more than 8 MiB')
  assert.match(
    await problem("return { body: 'x'.repeat(5e6) }"),
    /^the template (?:returns more than 4194304 characters|needs more than 8 MiB)$/,
  )
  assert.equal(await js("return { body: 'fine' }"), 'fine')
})

test('long calls of its library end with their thread, and those that wait are rendered by another', async () => {
  const sorting =
    'const a = []; for (let i = 0; i < 100000; i++) a.push((i * 7919) % 100003); for (;;) { a.sort(); a.reverse() }'
  const [told, body] = await Promise.all([problem(sorting), js("return { body: 'fine' }")])
  assert.match(told, /^the template takes longer than (?:500|1000) ms$/)
  assert.equal(body, 'fine')
})

test('nothing of the host is there, and nothing stays for the next', async () => {
  const names = [
    'process',
    'require',
    'module',
    'globalThis.fetch',
    'WebAssembly',
    'setTimeout',
    'Deno',
    'std',
    'os',
    'console',
    'Java',
    'host',
  ]
  assert.deepEqual(
    await js(`return { body: [${names.map((name) => `typeof ${name}`)}] }`),
    names.map(() => 'undefined'),
  )
  assert.equal(await js("return { body: this.constructor.constructor('return typeof process')() }"), 'undefined')
  assert.equal(await js("globalThis.kept = 1; Array.prototype.kept = 1; return { body: 'x' }"), 'x')
  assert.equal(await js('return { body: typeof kept + typeof [].kept }'), 'undefinedundefined')
})

test('a template that spoils what it is printed with hurts itself alone', async () => {
  await problem('JSON.stringify = () => { throw 1 }; JSON.parse = null; return strings.trim(1)')
  assert.equal(await js('JSON.stringify = null; return { body: 1 }'), 1)
  await problem('Object.prototype.toJSON = () => { throw new Error("so") }; return {}')
  assert.equal(await js("return { body: 'fine' }"), 'fine')
})
