import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Named } from '../../../src/flow.ts'
import { parseAuthority } from '../../../src/resolve/authority.ts'

const CASES: Readonly<Record<string, Named | undefined>> = {
  'svc.example': { address: 'svc.example' },
  'svc.example:8080': { address: 'svc.example', port: 8080 },
  'svc.example:': { address: 'svc.example' },
  '[2001:db8::1]:81': { address: '2001:db8::1', port: 81 },
  '[::ffff:192.0.2.1]': { address: '192.0.2.1' },
  'svc.example:0': undefined,
  'svc.example:65536': undefined,
  'user@svc.example': undefined,
  '2001:db8::1': undefined,
  '': undefined,
}

for (const [authority, named] of Object.entries(CASES))
  test(`the authority ${JSON.stringify(authority)} names ${named ? JSON.stringify(named) : 'nothing'}`, () =>
    assert.deepEqual(parseAuthority(authority), named))
