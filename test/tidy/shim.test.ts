import assert from 'node:assert/strict'
import { test } from 'node:test'
import { read, withoutComments } from './tree.ts'

/** C parameter types as shim.ts names them. */
const NAMES: Readonly<Record<string, string>> = {
  int32_t: 'I32',
  uint32_t: 'U32',
  'const char *': 'TEXT',
  'uint8_t *': 'BYTES',
  'const uint8_t *': 'BYTES',
}

/** `name(I32, TEXT)` for every prototype of the header, in order. */
function prototypes(header: string): string[] {
  const text = withoutComments(header)
  return [...text.matchAll(/^int (understudy_\w+)\(([^)]*)\);/gm)].map(([, name, list = '']) => {
    const parameters = list === 'void' ? [] : list.split(',').map((parameter) => parameter.trim().replace(/\w+$/, ''))
    return `${name}(${parameters.map((type) => NAMES[type.trim()] ?? `?${type}`).join(', ')})`
  })
}

/** The same for every entry of `const FUNCTIONS = { … }`. */
function entries(source: string): string[] {
  const body = /const FUNCTIONS = \{([\s\S]*?)\n\}/.exec(withoutComments(source))?.[1] ?? ''
  return [...body.matchAll(/^\s*(\w+): takes\(([^)]*)\)/gm)].map(([, name, list = '']) => `${name}(${list.trim()})`)
}

const header = read('native/shim.h')
const source = read('src/kernel/shim.ts')

test('native/shim.h and src/kernel/shim.ts declare the same functions in the same order', () => {
  const declared = prototypes(header)
  assert.ok(declared.length > 0)
  assert.deepEqual(entries(source), declared)
})

test('every function of the header was understood', () => {
  const named = new Set([...withoutComments(header).matchAll(/\b(understudy_\w+)\(/g)].map(([, name]) => name))
  assert.equal(prototypes(header).length, named.size)
})

test('both halves state the same interface number', () => {
  const inHeader = /#define UNDERSTUDY_ABI (\d+)/.exec(header)?.[1]
  assert.ok(inHeader)
  assert.equal(/const ABI = (\d+)/.exec(source)?.[1], inHeader)
})
