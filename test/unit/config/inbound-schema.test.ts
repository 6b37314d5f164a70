import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadConfig } from '../../../src/config/load.ts'
import { defaultConfig } from '../../../src/config/schema.ts'
import { UnderstudyError } from '../../../src/errors.ts'

const load = (inbound: unknown, more: Readonly<Record<string, string>> = {}) =>
  loadConfig({ env: { UNDERSTUDY_INBOUND: typeof inbound === 'string' ? inbound : JSON.stringify(inbound), ...more } })

/** The problems of a value for `inbound`, one a line. */
const problems = (inbound: unknown, more: Readonly<Record<string, string>> = {}): string[] => {
  try {
    load(inbound, more)
  } catch (error) {
    assert.ok(error instanceof UnderstudyError)
    assert.equal(error.code, 'BAD_CONFIG')
    return error.message.split('\n')
  }
  return []
}

test('nothing inbound is proxied unless a port is named', () => {
  assert.deepEqual(defaultConfig().inbound, {
    mode: 'auto',
    ports: [],
    preserveSource: false,
    forwarded: 'x-forwarded-for',
    marker: '',
    markerHeader: 'server',
    external: false,
    proxyCgroup: '',
    originalDstMap: '',
  })
})

test('a port that is only named gets everything else found out', () => {
  assert.deepEqual(load({ ports: [{ port: 8080 }] }).config.inbound.ports, [
    { port: 8080, proxyPort: 0, proxyProtocol: 'none' },
  ])
})

for (const [why, inbound, said] of [
  ['text that is not JSON', 'ports', ['UNDERSTUDY_INBOUND: expected an object, got "ports"']],
  ['an unknown key', { prots: [] }, ['UNDERSTUDY_INBOUND.prots: unknown key; did you mean "ports"?']],
  [
    'a port named twice, and a proxyPort used twice',
    { ports: [{ port: 80, proxyPort: 15100 }, { port: 80 }, { port: 81, proxyPort: 15100 }] },
    [
      'UNDERSTUDY_INBOUND.ports[1].port: 80 is named twice',
      'UNDERSTUDY_INBOUND.ports[2].proxyPort: 15100 is used twice',
    ],
  ],
  [
    "a proxyPort that is the application's own",
    { ports: [{ port: 80, proxyPort: 80 }] },
    ['UNDERSTUDY_INBOUND.ports[0].proxyPort: 80 is also a port of the application'],
  ],
  [
    'an external proxy with what only ours does',
    { external: true, mode: 'sk_lookup', preserveSource: true, marker: 'us', ports: [{ port: 80, to: '127.0.0.1' }] },
    [
      'UNDERSTUDY_INBOUND.mode: sk_lookup needs listeners of our own; with external it is tc',
      'UNDERSTUDY_INBOUND.proxyCgroup: is needed with external: the cgroup2 folder of the proxy',
      'UNDERSTUDY_INBOUND.preserveSource: is for the external proxy to do',
      'UNDERSTUDY_INBOUND.marker: is for the external proxy to do',
      'UNDERSTUDY_INBOUND.ports[0].proxyPort: is needed with external: where the proxy listens',
      'UNDERSTUDY_INBOUND.ports[0].to: is for the external proxy to do',
    ],
  ],
  [
    'an interface for sk_lookup',
    { mode: 'sk_lookup', interface: 'eth0' },
    ['UNDERSTUDY_INBOUND.interface: sk_lookup sees every interface; this is for tc only'],
  ],
  [
    'a marker that would split the answer',
    { marker: 'a\r\nb: c', markerHeader: 'x y' },
    [
      'UNDERSTUDY_INBOUND.marker: expected a header value of at most 256 printable ASCII characters, got "a\\r\\nb: c"',
      'UNDERSTUDY_INBOUND.markerHeader: expected the name of a header, got "x y"',
    ],
  ],
] as const) {
  test(`${why} is refused, all problems at once`, () => {
    assert.deepEqual(problems(inbound), said)
  })
}

test('a proxyPort that is the port of the outbound listener is refused', () => {
  const inbound = { ports: [{ port: 80, proxyPort: 15001 }] }
  assert.deepEqual(problems(inbound, { UNDERSTUDY_LISTEN_PORT: '15001' }), [
    'UNDERSTUDY_INBOUND: proxyPort 15001 is also listenPort',
  ])
})
