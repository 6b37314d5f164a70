import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Named, Resolution } from '../../../src/flow.ts'
import { mismatch } from '../../../src/resolve/mismatch.ts'

const to = (address: string, resolvedBy = 'ebpf'): Resolution => ({
  destination: { address, port: 8080 },
  resolvedBy,
  trail: [],
})
const V4 = to('192.0.2.1')
const V6 = to('2001:db8::1')
const nobody = (): readonly string[] => []

/** Resolution, what was named, the names known for the address, what is told. */
type Case = readonly [string, Resolution, Named | undefined, readonly string[], string | undefined]
const CASES: readonly Case[] = [
  ['the same address', V4, { address: '192.0.2.1' }, [], undefined],
  ['the same address and port', V4, { address: '192.0.2.1', port: 8080 }, [], undefined],
  ['another address', V4, { address: '192.0.2.2' }, [], '192.0.2.2'],
  ['another port', V4, { address: '192.0.2.1', port: 80 }, [], '192.0.2.1:80'],
  ['another port of a name that nobody knows', V4, { address: 'svc', port: 80 }, [], 'svc:80'],
  ['an address of the other family', V4, { address: '2001:db8::1' }, [], '[2001:db8::1]'],
  ['another IPv6 address and port', V6, { address: '2001:db8::2', port: 1 }, [], '[2001:db8::2]:1'],
  ['the same IPv6 address in another spelling', V6, { address: '2001:DB8:0:0::0001' }, [], undefined],
  ['the same IPv4 address in another spelling', to('127.0.0.1'), { address: '127.1' }, [], undefined],
  ['another IPv4 address in another spelling', V4, { address: '0x7f000001' }, [], '0x7f000001'],
  ['what looks like an address but is none', V4, { address: '300.300.300.300' }, [], undefined],
  ['a name where no name is known', V4, { address: 'svc.example' }, [], undefined],
  ['a name that is known', V4, { address: 'svc.example' }, ['other.example', 'svc.example'], undefined],
  ['a known name in another spelling', V4, { address: 'SVC.example.' }, ['svc.Example'], undefined],
  ['a short name that the resolver completed', V4, { address: 'svc' }, ['svc.ns.svc.cluster.local'], undefined],
  ['a name that only begins alike', V4, { address: 'svc' }, ['svc-2.example'], 'svc'],
  ['a name that is not among the known ones', V4, { address: 'far.example' }, ['svc.example'], 'far.example'],
  ['the name that was found', to('svc.example', 'dns'), { address: 'svc.example' }, [], undefined],
  ['another name than the one found', to('svc.example', 'dns'), { address: 'far.example' }, [], 'far.example'],
  ['an address where a name was found', to('svc.example', 'dns'), { address: '192.0.2.1' }, [], undefined],
  ['nothing', V4, undefined, ['svc.example'], undefined],
]

for (const [what, resolution, named, names, told] of CASES)
  test(`a client that names ${what} ${told === undefined ? 'contradicts nothing' : 'contradicts'}`, () => {
    const asked: string[] = []
    const namesOf = (address: string): readonly string[] => {
      asked.push(address)
      return names
    }
    assert.equal(mismatch(resolution, named, namesOf), told)
    assert.ok(asked.every((address) => address === resolution.destination?.address))
  })

test('what the client said is not held against itself', () => {
  assert.equal(mismatch(to('192.0.2.1', 'host'), { address: '192.0.2.2' }, nobody), undefined)
})

test('without a destination there is nothing to contradict', () => {
  assert.equal(mismatch({ trail: [] }, { address: '192.0.2.2' }, nobody), undefined)
})
