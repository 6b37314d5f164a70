import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { compileXmlSchema } from '../../../src/content/xml-schema.ts'
import type { ReadBody } from '../../../src/decide/matching/body.ts'
import { bodyFits, problemLines } from '../../support/asked.ts'

const xsd = (inner: string): string => `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">${inner}</xs:schema>`
const matcher = (inner: string): object => ({ type: 'XML_SCHEMA', xmlSchema: xsd(inner) })
const fits = (inner: string, body: string): boolean => bodyFits(matcher(inner), body)
const problems = (inner: string): string[] => problemLines({ body: matcher(inner) })

const ORDER = `
  <xs:element name="order"><xs:complexType>
    <xs:sequence><xs:element name="item" type="xs:string" maxOccurs="2"/></xs:sequence>
    <xs:attribute name="id" type="xs:positiveInteger" use="required"/>
  </xs:complexType></xs:element>`

test('a body is judged by a schema', () => {
  assert.ok(fits(ORDER, '<order id="17"><item>a</item></order>'))
  assert.ok(fits(ORDER, '\n<?xml version="1.0" encoding="ISO-8859-1"?><order id="17"><item>é</item></order>'))
  assert.ok(!fits(ORDER, '<order id="0"><item>a</item></order>'))
  assert.ok(!fits(ORDER, '<order id="17"/>'))
  assert.ok(!fits(ORDER, '<order id="17"><item>a</item><item>b</item><item>c</item></order>'))
  assert.ok(!fits(ORDER, '<other/>'))
})

test('what is no XML, has a document type, or is too deep or too large does not match', () => {
  const any = '<xs:element name="a"/>'
  assert.ok(fits(any, '<a>b</a>'))
  assert.ok(!fits(any, ''))
  assert.ok(!fits(any, '<a>b'))
  assert.ok(!fits(any, '{"a":1}'))
  assert.ok(!fits(any, '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'))
  assert.ok(!fits(any, `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`))
  assert.ok(!fits(any, `<a>${'b'.repeat(1024 * 1024)}</a>`))
})

test('a schema that is none is refused, with the reason', () => {
  const starts = (text: string, [line = '']: readonly string[]): void => assert.ok(line.startsWith(text), line)
  starts(
    `body.xmlSchema: not a valid XML schema: element decl. 'a', attribute 'type': The QName value 'x'`,
    problems('<xs:element name="a" type="x"/>'),
  )
  const refused = (xmlSchema: string): string[] => problemLines({ body: { type: 'XML_SCHEMA', xmlSchema } })
  starts('body.xmlSchema: not a valid XML schema: Start tag expected', refused('order'))
  starts('body.xmlSchema: not a valid XML schema: The XML document', refused('<order/>'))
  starts('body.xmlSchema: not a valid XML schema: document types are not read', refused('<!DOCTYPE a><a/>'))
  starts('body.xmlSchema: not a valid XML schema: more than 1 MiB', refused(xsd('<!---->'.repeat(200_000))))
})

test('a schema that refers to others is refused, for nothing is fetched', () => {
  for (const elsewhere of [
    'include schemaLocation="a.xsd"',
    'import namespace="urn:a"',
    'redefine schemaLocation="a.xsd"',
  ]) {
    assert.deepEqual(problems(`<xs:${elsewhere}/>`), [
      'body.xmlSchema: not a valid XML schema: it refers to another schema, and nothing is fetched',
    ])
  }
})

test('a schema named by a body is not looked for', () => {
  const any = '<xs:element name="a"><xs:complexType><xs:sequence><xs:any/></xs:sequence></xs:complexType></xs:element>'
  const named = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x /dev/stdin"'
  assert.ok(!fits(any, `<a ${named}><b xmlns="urn:x"/></a>`))
})

test('a schema that would take for ever to compile is refused, and the next one is compiled', () => {
  const groups = Array.from({ length: 40 }, (_, at) => {
    const twice = `<xs:group ref="g${at + 1}"/>`.repeat(2)
    return `<xs:group name="g${at}"><xs:sequence>${twice}</xs:sequence></xs:group>`
  })
  const end = '<xs:group name="g40"><xs:sequence><xs:element name="x"/></xs:sequence></xs:group>'
  const root = '<xs:element name="a"><xs:complexType><xs:group ref="g0"/></xs:complexType></xs:element>'
  assert.deepEqual(problems(groups.join('') + end + root), [
    'body.xmlSchema: not a valid XML schema: it takes too long',
  ])
  assert.ok(fits(ORDER, '<order id="1"><item/></order>'))
})

test('a body that takes for ever to judge does not match, and other schemas judge as before', () => {
  const before = { body: matcher(ORDER) }
  assert.deepEqual(problemLines(before), [])
  const pattern = '<xs:restriction base="xs:string"><xs:pattern value="(a|aa|a?)+b"/></xs:restriction>'
  assert.ok(
    !fits(`<xs:element name="a"><xs:simpleType>${pattern}</xs:simpleType></xs:element>`, `<a>${'a'.repeat(9000)}</a>`),
  )
  assert.ok(fits(ORDER, '<order id="1"><item/></order>'))
})

test('more schemas than are kept at once are compiled again when they are asked', () => {
  const tests = Array.from({ length: 80 }, (_, at) => {
    const compiled = compileXmlSchema(xsd(`<xs:element name="e${at}"/>`))
    assert.ok('test' in compiled)
    return compiled.test
  })
  const bodyOf = (text: string): ReadBody => ({
    bytes: Buffer.from(text),
    sent: Buffer.from(text),
    contentType: undefined,
  })
  for (const round of [1, 2]) {
    for (const [at, judges] of tests.entries()) assert.ok(judges(bodyOf(`<e${at}/>`)), `e${at} in round ${round}`)
  }
  assert.ok(!tests[0]?.(bodyOf('<e1/>')))
})

test('a process that has judged by a schema still ends by itself', () => {
  const program = `
    const { bodyFits } = await import(process.argv[1] + '/test/support/asked.ts')
    process.stdout.write(String(bodyFits(JSON.parse(process.argv[2]), '<a/>')))`
  const root = `${import.meta.dirname}/../../..`
  const argv = ['--input-type=module', '-e', program, root, JSON.stringify(matcher('<xs:element name="a"/>'))]
  assert.equal(execFileSync(process.execPath, argv, { encoding: 'utf8', timeout: 60_000 }), 'true')
})
