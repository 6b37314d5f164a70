import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Exchange, Verdict } from '../../../src/flow.ts'
import { exchangeLine } from '../../../src/record/line.ts'
import { createSummary } from '../../../src/record/summary.ts'
import { connection, exchange, flow, forward, opaque, outcome, refuse, request, START_MS } from './samples.ts'

process.env['TZ'] = 'UTC'

const summaryOf = (exchanges: readonly Exchange[], verdicts: readonly Verdict[] = []) => {
  const summary = createSummary()
  for (const one of exchanges) summary.exchange(exchangeLine(one))
  for (const verdict of verdicts) summary.connection(connection({ verdict }))
  return summary
}

const SAMPLE: readonly Exchange[] = [
  exchange(),
  exchange({
    startedAtMs: START_MS + 1234,
    request: request({
      method: 'POST',
      path: '/v1/customers/8842/orders/17/confirmation',
      query: 'notify=true',
      host: 'orders.internal.example.com:8080',
    }),
    decision: forward,
    outcome: outcome({ status: 201, durationMs: 48.2 }),
  }),
  exchange({
    startedAtMs: START_MS + 2000,
    decision: forward,
    outcome: outcome({ status: 502, fault: 'upstream_refused', durationMs: 0.4 }),
  }),
  exchange({ startedAtMs: START_MS + 2500, decision: refuse, outcome: outcome({ status: 404 }) }),
  opaque({ startedAtMs: START_MS + 3000 }),
]

const GOLDEN_160 = `
TIME          PROCESS  METHOD  HOST                        PATH                        ORIGINAL-DST      RESOLVED-BY  DECISION   STATUS     MS  FAULT
03:04:05.678  curl     GET     example.com                 /hello                      93.184.216.34:80  cookie       mocked        200    1.5
03:04:06.912  curl     POST    orders.intern…ple.com:8080  /v1/customers…?notify=true  93.184.216.34:80  cookie       forwarded     201     48
03:04:07.678  curl     GET     example.com                 /hello                      93.184.216.34:80  cookie       forwarded     502    0.4  upstream_refused
03:04:08.178  curl     GET     example.com                 /hello                      93.184.216.34:80  cookie       refused       404    1.5  no_expectation
03:04:08.678  curl     -       120 B out                   2.3 MB in                   93.184.216.34:80  cookie       relayed         -  61234

5 exchanges: 1 mocked, 2 forwarded, 1 relayed, 1 refused (no_expectation) · 1 failed (upstream_refused) · 3 connections went direct (2 loopback, 1 excluded_port)
`

const GOLDEN_120 = `
TIME          PROCESS  METHOD  HOST             PATH             ORIGINAL-DST      RESOLVED-BY  DECISION   STATUS     MS
03:04:05.678  curl     GET     example.com      /hello           93.184.216.34:80  cookie       mocked        200    1.5
03:04:06.912  curl     POST    orders.…om:8080  /v1/cus…fy=true  93.184.216.34:80  cookie       forwarded     201     48
03:04:07.678  curl     GET     example.com      /hello           93.184.216.34:80  cookie       forwarded     502    0.4
03:04:08.178  curl     GET     example.com      /hello           93.184.216.34:80  cookie       refused       404    1.5
03:04:08.678  curl     -       120 B out        2.3 MB in        93.184.216.34:80  cookie       relayed         -  61234

5 exchanges: 1 mocked, 2 forwarded, 1 relayed, 1 refused (no_expectation) · 1 failed (upstream_refused) · 3 connections went direct (2 loopback, 1 excluded_port)
`

const GOLDEN_60 = `
METHOD  HOST          PATH          DECISION   STATUS     MS
GET     example.com   /hello        mocked        200    1.5
POST    orders…:8080  /v1/cu…=true  forwarded     201     48
GET     example.com   /hello        forwarded     502    0.4
GET     example.com   /hello        refused       404    1.5
-       120 B out     2.3 MB in     relayed         -  61234

5 exchanges: 1 mocked, 2 forwarded, 1 relayed, 1 refused (no_expectation) · 1 failed (upstream_refused) · 3 connections went direct (2 loopback, 1 excluded_port)
`

const VERDICTS: readonly Verdict[] = ['redirected', 'loopback', 'excluded_port', 'loopback', 'own_traffic']

for (const [columns, golden] of [
  [160, GOLDEN_160],
  [120, GOLDEN_120],
  [60, GOLDEN_60],
] as const) {
  test(`a terminal of ${columns} columns`, () => {
    assert.equal(`\n${summaryOf(SAMPLE, VERDICTS).render({ columns })}`, golden)
  })
}

test('the width is 120 unless told, without colours', () => {
  const summary = summaryOf(SAMPLE)
  assert.equal(summary.render(), summary.render({ columns: 120, colour: false }))
})

test('colours change nothing but colours', () => {
  const summary = summaryOf(SAMPLE, VERDICTS)
  const coloured = summary.render({ columns: 160, colour: true })
  assert.ok(coloured.includes('\x1b[1mTIME'))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what is looked for
  assert.equal(coloured.replace(/\x1b\[\d+m/g, ''), summary.render({ columns: 160 }))
})

test('no line is wider than the terminal, whatever came in, and none carries a control character', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), text, text, text, (columns, path, host, method) => {
      const rendered = summaryOf([exchange({ request: request({ path, host, method }) })]).render({ columns })
      const [table = ''] = rendered.split('\n\n')
      for (const line of table.split('\n')) {
        assert.ok(line.length <= columns, `${line.length} > ${columns}`)
        assert.doesNotMatch(line, /\p{Cc}|\p{Cf}/u)
      }
    }),
  )
})

test('an escape sequence in a path does not reach the terminal', () => {
  const rendered = summaryOf([exchange({ request: request({ path: '/\x1b]0;owned\x07\x1b[2J' }) })]).render()
  assert.match(rendered, /\/\?\]0;owned\?\?\[2J/)
})

test('the last 200 exchanges are shown in order, all are counted', () => {
  const summary = createSummary()
  for (let i = 0; i < 450; i++) summary.exchange(exchangeLine(exchange({ request: request({ path: `/${i}` }) })))
  const lines = summary.render().split('\n')
  assert.match(lines[1] ?? '', /\/250 /)
  assert.match(lines[200] ?? '', /\/449 /)
  assert.equal(lines[201], '… 250 earlier exchanges not shown')
  assert.equal(lines[203], '450 exchanges: 450 mocked')
})

test('an exchange without a process or a destination shows a dash', () => {
  const { saved: _, ...direct } = flow
  const rendered = summaryOf([exchange({ flow: direct, resolution: { trail: [] } })]).render()
  assert.match(rendered, /03:04:05\.678 +- +GET +example\.com +\/hello +- +- +mocked/)
})

test('nothing seen says so, and why that may be', () => {
  assert.match(createSummary().render(), /^No connections seen: .+\n$/)
})

test('where connections are not counted, nothing is said of them', () => {
  assert.match(createSummary().render({ hasConnections: false }), /^No exchanges seen\. .*--capture ebpf\.\n$/)
})

test('only direct connections say why, with the setting that changes it', () => {
  assert.equal(
    summaryOf([], ['loopback', 'excluded_port', 'loopback']).render(),
    'No exchanges: 3 connections went direct (2 loopback, 1 excluded_port). ' +
      'Loopback is left alone unless interceptLoopback is set.\n',
  )
})

test('an intercepted connection that asked nothing is told apart from no connection', () => {
  assert.match(summaryOf([], ['redirected']).render(), /1 connection intercepted, but nothing was asked/)
})

test('connections refused because the proxy was not there are counted as such', () => {
  assert.match(summaryOf([exchange()], ['failed_closed']).render(), / · 1 connection refused \(failed_closed\)\n$/)
})

test('what came in is told from what went out, where there is any', () => {
  const inbound = exchange({ flow: { ...flow, direction: 'inbound' } })
  const [title = '', first = '', second = ''] = summaryOf([exchange(), inbound]).render().split('\n')
  const at = title.indexOf('DIR')
  assert.deepEqual([first.slice(at, at + 3), second.slice(at, at + 3)], ['   ', 'in '])
  assert.doesNotMatch(summaryOf([exchange()]).render(), /DIR/)
})
