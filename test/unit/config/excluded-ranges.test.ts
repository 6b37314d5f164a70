import assert from 'node:assert/strict'
import { test } from 'node:test'
import { excludedRanges, problemWithPorts } from '../../../src/config/excluded-ranges.ts'
import type { PortRange } from '../../../src/config/networks.ts'

const range = (from: number, to = from): PortRange => ({ from, to })

test('without "only these" the exclusions are sorted and merged', () => {
  const excludePorts = [range(443), range(80, 90), range(85, 100), range(101)]
  assert.deepEqual(excludedRanges({ excludePorts, dns: true }), [range(80, 101), range(443)])
})

test('"only these" excludes what is between them, and keeps 53 for DNS', () => {
  const ports = [range(443)]
  assert.deepEqual(excludedRanges({ ports, excludePorts: [], dns: true }), [
    range(1, 52),
    range(54, 442),
    range(444, 65535),
  ])
  assert.deepEqual(excludedRanges({ ports, excludePorts: [], dns: false }), [range(1, 442), range(444, 65535)])
})

test('53 is excluded when it is named', () => {
  const excluded = excludedRanges({ ports: [range(443)], excludePorts: [range(53)], dns: true })
  assert.deepEqual(excluded, [range(1, 442), range(444, 65535)])
})

test('the ends of the range of ports are no gaps', () => {
  assert.deepEqual(excludedRanges({ ports: [range(1, 65535)], excludePorts: [], dns: false }), [])
  assert.deepEqual(excludedRanges({ ports: [range(1), range(65535)], excludePorts: [], dns: false }), [range(2, 65534)])
})

test('ports that cancel each other are a problem even while DNS is left', () => {
  const wanted = { ports: [range(80)], excludePorts: [range(80)], dns: true }
  assert.match(problemWithPorts(wanted) ?? '', /every port/)
  assert.equal(problemWithPorts({ excludePorts: [], dns: true }), undefined)
})
