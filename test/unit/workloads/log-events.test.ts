import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLogEvents } from '../../../src/workloads/log-events.ts'

const ABOUT = { uid: 'u1', namespace: 'shop', name: 'orders' }
const TEN_MINUTES_MS = 600_000

const open = () => {
  const lines: { readonly level: string; readonly facts: Readonly<Record<string, unknown>> }[] = []
  let nowMs = 0
  const line = (level: string) => (facts: Readonly<Record<string, unknown>>) => void lines.push({ level, facts })
  const events = createLogEvents({ info: line('info'), warn: line('warn') }, () => nowMs)
  return {
    events,
    lines,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('what becomes of workloads, in the log', () => {
  test('is one line each, a warning as one', () => {
    const { events, lines } = open()
    events.report(ABOUT, 'Normal', 'Intercepted', 'now')
    events.report(ABOUT, 'Warning', 'InterceptionFailed', 'no listener')
    assert.deepEqual(lines, [
      { level: 'info', facts: { workload: 'shop/orders', uid: 'u1', reason: 'Intercepted', repeats: 0, text: 'now' } },
      {
        level: 'warn',
        facts: { workload: 'shop/orders', uid: 'u1', reason: 'InterceptionFailed', repeats: 0, text: 'no listener' },
      },
    ])
  })

  test('is not repeated for ten minutes, but counted', () => {
    const { events, lines, pass } = open()
    for (let round = 0; round < 5; round += 1) events.report(ABOUT, 'Normal', 'Intercepted', 'x')
    assert.equal(lines.length, 1)
    assert.equal(events.repeats, 4)
    pass(TEN_MINUTES_MS)
    events.report(ABOUT, 'Normal', 'Intercepted', 'x')
    assert.equal(lines[1]?.facts['repeats'], 4)
  })

  test('is bounded in length', () => {
    const { events, lines } = open()
    events.report(ABOUT, 'Normal', 'Intercepted', 'x'.repeat(100_000))
    assert.equal(String(lines[0]?.facts['text']).length, 1024)
  })

  test('is remembered for so many workloads only', () => {
    const { events, lines } = open()
    for (let number = 0; number <= 4096; number += 1)
      events.report({ ...ABOUT, uid: String(number) }, 'Normal', 'Intercepted', 'x')
    events.report({ ...ABOUT, uid: '4096' }, 'Normal', 'Intercepted', 'x')
    events.report({ ...ABOUT, uid: '0' }, 'Normal', 'Intercepted', 'x')
    assert.equal(lines.length, 4098)
  })

  test('does not throw where the log does', () => {
    const broken = () => {
      throw new Error('disk full')
    }
    createLogEvents({ info: broken, warn: broken }, () => 0).report(ABOUT, 'Normal', 'Intercepted', 'x')
  })
})
