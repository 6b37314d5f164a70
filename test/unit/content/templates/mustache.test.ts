import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyBy, problemBy, REQUEST, renderedBy, withBody } from '../../../support/templates.ts'

const text = (template: string, model = REQUEST) => bodyBy('MUSTACHE', `{ 'body': "${template}" }`, model)

test('variables, with a place in a list, and without case in headers', async () => {
  assert.equal(await text('{{ request.method }} {{request.headers.session-id.0}} {{request.cookies.d}}'), 'POST s1 2')
  assert.equal(
    await text('{{request.pathParameters.id.0}} {{request.queryStringParameters.q.1}} [{{nope.x}}]'),
    '42 2 []',
  )
})

test('values are escaped for HTML, unless three braces or an ampersand say otherwise', async () => {
  const model = { ...REQUEST, path: "/a'<b>&=`" }
  assert.equal(await text('{{request.path}}', model), '/a&#39;&lt;b&gt;&amp;&#x3D;&#x60;')
  assert.equal(await text('{{{request.path}}} {{& request.path}}', model), "/a'<b>&=` /a'<b>&=`")
})

test('sections go over lists, and know the first, the last and the place', async () => {
  const entries =
    '{{#request.queryStringParameters.entrySet}}{{^-first}}, {{/-first}}{{-index}}:{{key}}={{value.0}}{{#-last}}.{{/-last}}{{/request.queryStringParameters.entrySet}}'
  assert.equal(await text(entries), '1:q=1, 2:name=é x.')
  assert.equal(
    await text('{{#request.queryStringParameters.keySet}}{{this}} {{/request.queryStringParameters.keySet}}'),
    'q name ',
  )
  assert.equal(
    await text('{{#request.queryStringParameters.values}}{{this.0}} {{.}} {{/request.queryStringParameters.values}}'),
    '1 [1, 2] é x [é x] ',
  )
})

test('sections are conditions for all else, and a map is looked into', async () => {
  assert.equal(
    await text(
      '{{#request.keepAlive}}yes{{/request.keepAlive}}{{^request.secure}}no{{/request.secure}}{{#nope}}x{{/nope}}',
    ),
    'yesno',
  )
  assert.equal(await text('{{#request}}{{method}}{{#headers}}{{host.0}}{{/headers}}{{/request}}'), 'POSTshop.example')
})

test('a JSONPath finds lists and single values in the body', async () => {
  const titles =
    "{{#jsonPath}}$.store.book{{/jsonPath}}{{#jsonPathResult}}{{^-first}}, {{/-first}}'{{title}}'{{/jsonPathResult}}"
  assert.equal(
    await text(`[${titles}] {{#jsonPath}}$.store.bicycle.color{{/jsonPath}}{{jsonPathResult}}`),
    "['Reckoning', 'Tides &amp; Time'] red",
  )
  assert.equal(
    await text('[{{#jsonPath}}$.nope{{/jsonPath}}{{jsonPathResult}}{{#jsonPath}}((({{/jsonPath}}{{jsonPathResult}}]'),
    '[]',
  )
})

test('an XPath finds text in the body', async () => {
  const xml = withBody('<s><b><t>one</t></b><b><t n="3">two</t></b></s>', 'application/xml')
  assert.equal(
    await text(
      '{{#xPath}}/s/b/t{{/xPath}} {{#xPath}}//b[2]/t{{/xPath}} {{#xPath}}//t/@n{{/xPath}} [{{#xPath}}((({{/xPath}}]',
      xml,
    ),
    'one two 3 []',
  )
  assert.equal(await text('[{{#xPath}}/a{{/xPath}}]'), '[]')
})

test('comments leave nothing, and delimiters can be others', async () => {
  assert.equal(await text('a{{! nothing }}b{{=<% %>=}}<% request.method %>{{x}}'), 'abPOST{{x}}')
})

test('a body may be put into the document as JSON', async () => {
  const rendered = await renderedBy('MUSTACHE', "{'body': {{{request.body}}}}")
  assert.deepEqual('document' in rendered && rendered.document, { body: JSON.parse(REQUEST.body.bytes.toString()) })
})

test('mistakes are found when the template is read, with their line', async () => {
  const problem = (template: string) => problemBy('MUSTACHE', template)
  assert.equal(
    await problem('{\n{{#request.path}}'),
    'not a valid Mustache template: line 2: {{#request.path}} is not closed',
  )
  assert.match(await problem('{{#a}}{{/b}}'), /line 1: \{\{\/b\}\} where \{\{\/a\}\} was expected/)
  assert.match(await problem('{{/b}}'), /closes nothing/)
  assert.match(await problem('\n\n{{a'), /line 3: \{\{ without \}\}/)
  assert.match(await problem('{{> other}}'), /partials .* are not supported/)
  assert.match(await problem('{{}}'), /a tag without a name/)
  assert.match(await problem('{{#a}}'.repeat(60)), /nested more than 50 deep/)
})

test('nothing of JavaScript can be reached', async () => {
  const names = ['constructor', '__proto__', 'prototype', 'constructor.name', 'toString.constructor']
  const bases = ['request', 'request.method', 'request.headers', 'strings', 'this', 'request.cookies']
  const template =
    bases.flatMap((base) => names.map((name) => `{{${base}.${name}}}`)).join('') +
    names.map((name) => `{{${name}}}`).join('')
  assert.equal(await text(template), '')
})
