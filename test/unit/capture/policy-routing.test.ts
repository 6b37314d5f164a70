import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_MARK, isTaken, SLOTS, slotAt } from '../../../src/capture/policy-routing.ts'

const slots = Array.from({ length: SLOTS }, (_, index) => slotAt(index))
/** Bits that others give a meaning to; the head of policy-routing.ts says whose they are. */
const BITS_OF_OTHERS = [0x4000, 0x8000, 0x0f00, 0xffff_0000, 0xff_0000, 0x80]

test('no mark of ours has a bit of the masks others work with, nor is it Istio’s', () => {
  for (const { mark } of slots) {
    for (const mask of BITS_OF_OTHERS) assert.equal((mark & mask) >>> 0, 0)
    assert.notEqual(mark & 0xfff, 0x539)
    assert.equal((mark & ANY_MARK.mask) >>> 0, ANY_MARK.value)
  }
})

test('every slot has a mark, a table and a preference of its own', () => {
  for (const key of ['mark', 'table', 'preference'] as const) {
    assert.equal(new Set(slots.map((slot) => slot[key])).size, SLOTS)
  }
})

const RULES = '0:\tfrom all lookup local\n32766:\tfrom all lookup main\n'

test('a slot is free where nobody uses its mark or its table', () => {
  assert.equal(isTaken(slotAt(0), RULES, 'local 127.0.0.0/8 dev lo table local'), false)
  assert.equal(isTaken(slotAt(0), `${RULES}50:\tfrom all fwmark 0x30501 lookup 123680\n`, ''), false)
})

for (const [what, rules, routes] of [
  ['a rule with its mark', '9:\tfrom all fwmark 0x3050 lookup 7\n', ''],
  ['a rule with its mark and a mask', '9:\tfrom all fwmark 0x3050/0xffff lookup 7\n', ''],
  ['a rule that leads to its table', '9:\tfrom 10.0.0.1 lookup 12368\n', ''],
  ['routes in its table', '', 'default via 10.0.0.1 dev eth0 table 12368 \n'],
] as const) {
  test(`${what} makes a slot taken`, () => {
    assert.equal(isTaken(slotAt(0), RULES + rules, routes), true)
    assert.equal(isTaken(slotAt(1), RULES + rules, routes), false)
  })
}
