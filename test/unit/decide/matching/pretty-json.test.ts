import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandedJson, prettyJson } from '../../../../src/decide/matching/pretty-json.ts'

const value = { a: [1, { b: [] }], c: [['x']], d: {} }

test('arrays stay on the line they start on', () => {
  assert.equal(prettyJson(value), '{\n  "a" : [ 1, {\n    "b" : [ ]\n  } ],\n  "c" : [ [ "x" ] ],\n  "d" : { }\n}')
})

test('expanded, each item has a line of its own', () => {
  const lines = ['{', '  "a" : [', '    1,', '    {', '      "b" : [ ]', '    }', '  ],']
  lines.push('  "c" : [', '    [', '      "x"', '    ]', '  ],', '  "d" : { }', '}')
  assert.equal(expandedJson(value), lines.join('\n'))
  assert.deepEqual(JSON.parse(expandedJson(value)), value)
})
