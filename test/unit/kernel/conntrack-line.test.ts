import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConntrackLine, spellTuple } from '../../../src/kernel/conntrack-line.ts'
import { RECORDED } from '../../support/conntrack-recorded.ts'

for (const [family, { line, entry }] of Object.entries(RECORDED)) {
  test(`a real line is read (${family})`, () => {
    assert.deepEqual(parseConntrackLine(line), entry)
  })

  test(`a tuple is spelled as the file spells it (${family})`, () => {
    assert.ok(line.includes(spellTuple(entry.original)))
    assert.ok(line.includes(spellTuple(entry.reply)))
  })

  test(`counters, marks of its state and an offloaded flow do not disturb (${family})`, () => {
    const counted = line.replace(/(dport=\d+) /g, '$1 packets=12 bytes=3456 ').replace('[ASSURED] ', '')
    assert.deepEqual(parseConntrackLine(counted), entry)
    assert.deepEqual(parseConntrackLine(line.replace(/ src/, ' [UNREPLIED] src')), entry)
    assert.deepEqual(parseConntrackLine(line.replace('431999 ESTABLISHED ', '').replace('ASSURED', 'OFFLOAD')), entry)
  })
}

const { line, entry } = RECORDED.v4

test('an entry whose answers are in a zone is not ours, one whose first direction is may be', () => {
  assert.equal(parseConntrackLine(line.replace('zone=0', 'zone=7')), undefined)
  assert.equal(parseConntrackLine(line.replace('zone=0', 'zone-reply=7')), undefined)
  assert.deepEqual(parseConntrackLine(line.replace('zone=0', 'zone-orig=7')), entry)
  assert.deepEqual(parseConntrackLine(line.replace('zone=0 ', '')), entry)
})

test('a line of another protocol, without a second direction or with impossible values is no entry', () => {
  const no = [
    '',
    'ipv4 2 udp 17 29 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 use=2',
    line.slice(0, line.lastIndexOf('src=')),
    line.replace('sport=40095', 'sport=65536'),
    line.replace('sport=40095', 'sport='),
    line.replace('sport=40095', 'sport=-1'),
    line.replace('dst=10.77.0.1', 'dst=10.77.0.256'),
    line.replace('dst=10.77.0.1', 'dst=localhost'),
    line.replace('dst=10.77.0.1 ', ''),
    line.replace('dst=10.77.0.1', 'src=10.77.0.1'),
  ]
  for (const text of no) assert.equal(parseConntrackLine(text), undefined, text)
})
