/** Velocity and Mustache templates that would go on, and bodies that are too much. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemBy, REQUEST, renderedBy, withBody } from '../../../support/templates.ts'

const velocity = (template: string) => problemBy('VELOCITY', template)
const STEPS = 'the template takes too many steps'
const TEXT = 'the template makes more than 4194304 characters of text'

test('loops within loops take too many steps', async () => {
  assert.equal(await velocity('#foreach($a in [1..9999])#foreach($b in [1..9999])#set($c = 1)#end#end{}'), STEPS)
  assert.match(await velocity('#foreach($a in [1..1000000000])x#end{}'), /^a range of more than 100000 numbers$/)
})

test('macros and blocks that name themselves go too deep', async () => {
  assert.match(await velocity('#macro(m)#m()#end#m()'), /more than 100 levels deep/)
  assert.match(await velocity('#define($d)$d#end$d'), /more than 100 levels deep/)
  assert.match(await velocity('#macro(m)#m()#m()#end#m()'), /more than 100 levels deep|too many steps/)
})

test('text that doubles itself is too long', async () => {
  const doubling = '#set($a = "0123456789")#foreach($i in [1..100])#set($a = "$a$a")#end{}'
  assert.equal([TEXT, STEPS].includes(await velocity(doubling)), true)
  const adding = "#set($a = 'x')#foreach($i in [1..100])#set($a = $a + $a)#end{}"
  assert.equal([TEXT, STEPS].includes(await velocity(adding)), true)
})

test('lists that hold themselves, or each other many times, are not printed', async () => {
  assert.match(await velocity('#set($l = [1])#set($x = $l.add($l))$l'), /levels deep|too many steps/)
  const doubled = '#set($l = ["aaaaaaaaaa"])#foreach($i in [1..60])#set($l = [$l, $l])#end$l'
  assert.match(await velocity(doubled), /too many steps|characters of text|levels deep/)
})

test('a hundred megabytes are not rendered', async () => {
  const line = 'x'.repeat(1000)
  assert.equal([TEXT, STEPS].includes(await velocity(`#foreach($i in [1..99999])${line}#end`)), true)
  const big = withBody(JSON.stringify(Array.from({ length: 20_000 }, (_, at) => at)))
  const nested = ['{{#jsonPath}}$', '{{/jsonPath}}{{#jsonPathResult}}', line, '{{/jsonPathResult}}'].join('')
  assert.equal([TEXT, STEPS].includes(await problemBy('MUSTACHE', nested, big)), true)
})

test('sections that print nothing are counted too', async () => {
  const list = withBody(JSON.stringify(Array.from({ length: 20_000 }, (_, at) => at + 1)))
  const path = ['{{#jsonPath}}$', '{{/jsonPath}}'].join('')
  const nested =
    '{{#jsonPathResult}}{{#request.path}}{{#jsonPathResult}}{{/jsonPathResult}}{{/request.path}}{{/jsonPathResult}}'
  assert.equal(await problemBy('MUSTACHE', `${path}${nested}`, list), STEPS)
})

test('what maps list of themselves is counted', async () => {
  const map = withBody(JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`n${at}`, at]))))
  const template = '#set($m = $json.parse($request.body))#foreach($i in [1..1000])#set($e = $m.entrySet())#end{}'
  assert.equal(await problemBy('VELOCITY', template, map), STEPS)
})

test('a list of a few thousand is printed', async () => {
  const list = withBody(JSON.stringify(Array.from({ length: 5000 }, (_, at) => `item ${at}`)))
  const rendered = await renderedBy('VELOCITY', '#set($l = $json.parse($request.body)){"body": "$l"}', list)
  assert.match(JSON.stringify(rendered), /item 0, item 1, .*item 4999]"/)
})

test('JSONPath and XPath are asked a limited number of times', async () => {
  assert.equal(await velocity("#foreach($i in [1..1000])$jsonPath.find('$.count')#end"), STEPS)
})

test('regular expressions of templates are linear, and limited', async () => {
  const a = 'a'.repeat(10_000)
  assert.deepEqual(await renderedBy('VELOCITY', `{"body": "$regex.matches('${a}!', '(a+)+$')"}`), {
    document: { body: 'false' },
  })
  assert.match(await velocity(`$regex.matches('${a}${a}', 'a')`), /^regex takes/)
})

test('YAML that grows by its aliases is refused', async () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x,x]',
    ...'bcdefg'.split('').map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcdef'[at]}`).join(',')}]`),
  ].join('\n')
  assert.match(await problemBy('VELOCITY', '$yaml.toJson($request.body)', withBody(bomb)), /^not valid YAML/)
})

test('expressions nested without end are refused when they are read', async () => {
  for (const text of [
    `#set($a = ${'('.repeat(50_000)}`,
    '$a.b('.repeat(50_000),
    '#if(1)'.repeat(50_000),
    `#set($a = ${'!'.repeat(50_000)}1)`,
  ]) {
    assert.match(await velocity(text), /^not a valid Velocity template: line 1: nested more than 60 deep/)
  }
  assert.match(await velocity(`#set($a = ${'1+'.repeat(50_000)}1)`), /more than 1000 parts/)
})

test('what is rendered must be JSON, and an object', async () => {
  assert.match(
    await velocity("{'body': 'a"),
    /^what the template renders is not JSON: line 1: expected a string that ends/,
  )
  assert.match(await velocity('hello'), /^what the template renders is not JSON/)
  assert.equal(await velocity('[1]'), 'what the template renders is JSON, but not an object')
  assert.equal(await velocity('   '), 'an empty template describes nothing')
  assert.match(await velocity('x'.repeat(600_000)), /^a template of more than/)
  assert.match(await problemBy('MUSTACHE', `{{{request.body}}}`, withBody('['.repeat(100_000))), /not JSON/)
})

test('a body that is neither text nor JSON is text all the same', async () => {
  const rendered = await renderedBy(
    'MUSTACHE',
    '{"body": "{{request.method}}"}',
    withBody(Buffer.from([0xff, 0xfe, 0])),
  )
  assert.deepEqual(rendered, { document: { body: 'POST' } })
  assert.equal(
    'document' in (await renderedBy('VELOCITY', '#set($x = $json.parse($request.body)){"body": "$!x"}', withBody('{'))),
    true,
  )
  assert.equal(REQUEST.method, 'POST')
})
