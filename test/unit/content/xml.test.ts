import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileXml } from '../../../src/content/xml.ts'
import { bodyFits } from '../../support/asked.ts'

const fits = (xml: string, body: string): boolean => bodyFits({ type: 'XML', xml }, body)

test('order of elements and attributes, white space, comments and prefixes do not matter', () => {
  assert.ok(fits('<a x="1" y="2"><b>t</b><c/></a>', '<a y="2" x="1">\n <c></c><!-- n --><b> t </b></a>'))
  assert.ok(fits('<p:a xmlns:p="u"/>', '<a xmlns="u"/>'))
  assert.ok(fits('<a>x</a>', '<?xml version="1.0"?><a><![CDATA[x]]></a>'))
})

test('elements of one name are compared in their order', () => {
  assert.ok(fits('<a><b>1</b><c/><b>2</b></a>', '<a><c/><b>1</b><b>2</b></a>'))
  assert.ok(!fits('<a><b>1</b><b>2</b></a>', '<a><b>2</b><b>1</b></a>'))
  assert.ok(!fits('<a><b/><b/><c/></a>', '<a><b/><c/><c/></a>'))
})

test('names, values, texts and numbers of elements do', () => {
  assert.ok(!fits('<a/>', '<b/>'))
  assert.ok(!fits('<a xmlns="u"/>', '<a/>'))
  assert.ok(!fits('<a x="1"/>', '<a x="2"/>'))
  assert.ok(!fits('<a x="1"/>', '<a x="1" y="1"/>'))
  assert.ok(!fits('<a>x</a>', '<a>X</a>'))
  assert.ok(!fits('<a><b/></a>', '<a><b/><b/></a>'))
})

test('a text to ignore may be any, or none, but stands for no elements and no attributes', () => {
  const asked = `<a><b>\${xmlunit.ignore}</b></a>`
  for (const body of ['<a><b>x</b></a>', '<a><b/></a>']) assert.ok(fits(asked, body), body)
  for (const body of ['<a><b x="1">3</b></a>', '<a><b><c/></b></a>', '<a><b>x<c/></b></a>', '<a/>']) {
    assert.ok(!fits(asked, body), body)
  }
})

test('a value to ignore may be any, or its attribute be absent', () => {
  const asked = `<a x="\${xmlunit.ignore}" y="1"/>`
  for (const body of ['<a x="9" y="1"/>', '<a y="1"/>']) assert.ok(fits(asked, body), body)
  for (const body of ['<a x="9"/>', '<a y="1" z="1"/>', '<a x="1" y="1" z="1"/>']) assert.ok(!fits(asked, body), body)
  assert.ok(!fits(`<a x="\${xmlunit.isNumber}"/>`, '<a/>'))
})

test('a document type is not read, so no entity grows', () => {
  const levels = Array.from({ length: 9 }, (_, at) => `<!ENTITY e${at + 1} "${`&e${at};`.repeat(10)}">`).join('')
  const bomb = `<!DOCTYPE a [<!ENTITY e0 "ha">${levels}]><a>&e9;</a>`
  assert.ok(!fits('<a>ha</a>', bomb))
  assert.ok(bodyFits({ type: 'XML', xml: '<a/>', not: true }, bomb))
})

test('what is not well-formed, too deep or too large matches nothing', () => {
  assert.ok(!fits('<a/>', '<a>'))
  assert.ok(!fits('<a/>', ''))
  assert.ok(!fits('<a/>', `${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}`))
  assert.ok(!fits('<a/>', `<a>${' '.repeat(2 ** 20)}</a>`))
})

test('many equal elements are compared in bounded time', () => {
  const inner = (count: number, last: string): string => `<a>${'<b><c/></b>'.repeat(count)}<b>${last}</b></a>`
  assert.ok(fits(inner(400, 'x'), inner(400, 'x')))
  assert.ok(!fits(inner(400, 'x'), inner(400, 'y')))
})

test('placeholders of XMLUnit stand for what they say', () => {
  const asks = (placeholder: string, text: string): boolean =>
    bodyFits(
      { type: 'XML', xml: `<a b="\${xmlunit.${placeholder}}">\${xmlunit.${placeholder}}</a>` },
      `<a b="${text}">${text}</a>`,
    )
  for (const text of ['1', '-1.5e3', '.5', '+5']) assert.ok(asks('isNumber', text), text)
  for (const text of ['', '1.', '5x', 'NaN']) assert.ok(!asks('isNumber', text), text)
  for (const text of ['2020-01-01', '2020-01-01T00:00:00.123+01:00']) assert.ok(asks('isDateTime', text), text)
  for (const text of ['12:00', '1.1.2020']) assert.ok(!asks('isDateTime', text), text)
  assert.ok(asks('matchesRegex([0-9])', 'x1'))
  assert.ok(!asks('matchesRegex([0-9])', 'x'))
  assert.ok(asks('ignore', 'anything'))
})

test('XML to compare with that is larger than any that is read is refused', () => {
  const problem = 'XML of more than 1048576 bytes, which no body matches'
  assert.deepEqual(compileXml(`<a>${'<b/>'.repeat(300_000)}</a>`), { problem })
})
