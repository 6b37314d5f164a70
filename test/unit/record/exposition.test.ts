import assert from 'node:assert/strict'
import { test } from 'node:test'
import { familyHead, labelPairs, labelValue } from '../../../src/record/exposition.ts'

test('quotes and backslashes are escaped, controls are no part of a label', () => {
  assert.equal(labelValue('a"b\\c\nd\u0085e\u2028', 100), 'a\\"b\\\\c?d?e?')
  assert.equal(labelValue('plain-name.example:80', 100), 'plain-name.example:80')
  assert.equal(labelValue('Grüße', 100), 'Grüße')
})

test('a value that is too long is cut, and half a character is none', () => {
  assert.equal(labelValue('abcdef', 4), 'abc…')
  assert.equal(labelValue('\ud800', 4), '\ufffd')
})

test('a family is declared with its help and type', () => {
  assert.equal(familyHead('m_total', 'counter', 'a\\b\nc'), '# HELP m_total a\\\\b\\nc\n# TYPE m_total counter\n')
  assert.equal(
    labelPairs([
      ['a', 'x'],
      ['b', ''],
    ]),
    'a="x",b=""',
  )
})
