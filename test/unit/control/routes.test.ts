import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findRoute, ROUTES } from '../../../src/control/routes.ts'
import { head } from '../decide/build.ts'

const asked = (request: string, headers: readonly string[] = [], livenessPath = '') =>
  findRoute({ ...head(request), headers }, livenessPath)

test('old calls are calls without the prefix too, and said to be deprecated; new ones are not', () => {
  for (const { method, path, isOldToo, handler } of ROUTES) {
    assert.deepEqual(
      [asked(`${method} /mockserver${path}`)?.handler, asked(`${method} ${path}`)?.handler === handler],
      [handler, isOldToo],
    )
    if (isOldToo) assert.equal(asked(`${method} ${path}`)?.isDeprecated, true)
  }
})

test('another method or another path is mocked traffic', () => {
  for (const request of [
    'POST /mockserver/reset',
    'GET /mockserver/status',
    'PUT /mockserver/none',
    'PUT /none',
    'PUT /',
  ]) {
    assert.equal(asked(request), undefined, request)
  }
})

test('calls of MockServer that are not spoken are found under the prefix only, by whatever method', () => {
  for (const request of ['PUT /mockserver/clock', 'DELETE /mockserver/loadScenario/x', 'GET /mockserver/drift']) {
    assert.ok(asked(request), request)
  }
  assert.equal(asked('PUT /clock'), undefined)
})

test('preflights are answered under the prefix and for old calls', () => {
  const headers = ['access-control-request-method', 'PUT']
  assert.ok(asked('OPTIONS /mockserver/whatever', headers))
  assert.ok(asked('OPTIONS /reset', headers))
  assert.equal(asked('OPTIONS /whatever', headers), undefined)
  assert.equal(asked('OPTIONS /mockserver/reset'), undefined)
})

test('probes need no token', () => {
  assert.equal(asked('GET /mockserver/ready')?.isOpen, true)
  assert.equal(asked('GET /live', [], '/live')?.isOpen, true)
  assert.equal(asked('GET /live'), undefined)
  assert.equal(asked('PUT /mockserver/status')?.isOpen, false)
})
