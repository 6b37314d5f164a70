import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { elfSection, layoutDifferences, readStructs } from '../../src/kernel/btf.ts'
import { INBOUND_COUNTERS, INBOUND_LAYOUTS } from '../../src/kernel/inbound-layout.ts'
import { COUNTERS, LAYOUTS, MAX_PORT_RANGES, POLICY } from '../../src/kernel/layout.ts'
import { ROOT, read } from '../tidy/tree.ts'

const OBJECT = join(ROOT, 'build/understudy.bpf.o')
const INBOUND_OBJECT = join(ROOT, 'build/inbound.bpf.o')
const ALL_LAYOUTS = { ...LAYOUTS, ...INBOUND_LAYOUTS }
const skip = existsSync(OBJECT) || process.env['UNDERSTUDY_REQUIRE_KERNEL'] === '1' ? false : 'not built (make bpf)'
const contract = read('bpf/include/contract.h')

test('the compiled object and the table in layout.ts agree on every shared struct', { skip }, () => {
  assert.deepEqual(layoutDifferences(readFileSync(OBJECT)), [])
  assert.deepEqual(layoutDifferences(readFileSync(INBOUND_OBJECT), INBOUND_LAYOUTS), [])
})

test('each struct of contract.h is in the table, and nothing else', () => {
  const declared = [...contract.matchAll(/^struct (\w+) \{/gm)].map(([, name]) => name)
  // port_range is a part of policy
  assert.deepEqual(declared.filter((name) => name !== 'port_range').sort(), Object.keys(ALL_LAYOUTS).sort())
})

test('a port range is two 16-bit numbers, as many as the policy has room for', { skip }, () => {
  const range = readStructs(elfSection(readFileSync(OBJECT), '.BTF')).get('port_range')
  assert.equal(range?.size, 4)
  assert.deepEqual(
    [...(range?.offsets ?? [])],
    [
      ['first', 0],
      ['last', 2],
    ],
  )
  assert.equal(POLICY.fields.excluded_ports.size, MAX_PORT_RANGES * 4)
})

test('the sizes that contract.h asserts are those of the table', () => {
  for (const [name, { size }] of Object.entries(ALL_LAYOUTS)) {
    assert.match(contract, new RegExp(`_Static_assert\\(sizeof\\(struct ${name}\\) == ${size},`))
  }
})

test('verdicts and counters have the same names in the same order', () => {
  const body = /enum verdict \{([\s\S]*?)\n\};/.exec(contract)?.[1] ?? ''
  const names = [...body.matchAll(/^\t(?:VERDICT|COUNTER)_(\w+),/gm)].map(([, name]) => name?.toLowerCase())
  assert.deepEqual(names, [...COUNTERS, 'max'])
  const inbound = /enum inbound_counter \{([\s\S]*?)\n\};/.exec(contract)?.[1] ?? ''
  const inboundNames = [...inbound.matchAll(/^\tINBOUND_(\w+),/gm)].map(([, name]) => name?.toLowerCase())
  assert.deepEqual(inboundNames, [...INBOUND_COUNTERS, 'max'])
})

test('flags and bounds have the same values', () => {
  const layout = read('src/kernel/layout.ts') + read('src/kernel/inbound-layout.ts')
  const defined = [...contract.matchAll(/^#define ((?:POLICY|MAX)_\w+) (\d+)/gm)]
  assert.ok(defined.length >= 5)
  for (const [, name, value] of defined) assert.match(layout, new RegExp(`const ${name} = ${value}\\b`))
})
