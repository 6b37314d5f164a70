import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint } from '../../../src/flow.ts'
import { namedEndpoint } from '../../../src/resolve/named-endpoint.ts'

const CASES: Readonly<Record<string, Endpoint | undefined>> = {
  'svc.example': { address: 'svc.example', port: 80 },
  'svc.example:8080': { address: 'svc.example', port: 8080 },
  'svc.example:': { address: 'svc.example', port: 80 },
  '192.0.2.1:443': { address: '192.0.2.1', port: 443 },
  '[2001:db8::1]': { address: '2001:db8::1', port: 80 },
  '[2001:db8::1]:81': { address: '2001:db8::1', port: 81 },
  '[::ffff:192.0.2.1]:81': { address: '192.0.2.1', port: 81 },
  '[::ffff:c000:201]': { address: '192.0.2.1', port: 80 },
  '': undefined,
  ':80': undefined,
  'svc.example:0': undefined,
  'svc.example:65536': undefined,
  'svc.example:http': undefined,
  '2001:db8::1': undefined,
  'user@svc.example': undefined,
  'svc.example/path': undefined,
  'two words': undefined,
}

for (const [authority, endpoint] of Object.entries(CASES))
  test(`the authority ${JSON.stringify(authority)} names ${endpoint ? `${endpoint.address} port ${endpoint.port}` : 'nothing'}`, () =>
    assert.deepEqual(namedEndpoint(authority, 80), endpoint))

test('no authority names nothing', () => assert.equal(namedEndpoint(undefined, 80), undefined))
