/** Whoever calls the control API with whatever: a verdict, never an exception. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CHANGEABLE, createLiveSettings } from '../../src/config/live-settings.ts'
import { Config } from '../../src/config/schema.ts'
import { createCallers } from '../../src/control/caller.ts'
import { openApiOf } from '../../src/control/to-openapi.ts'

const header = fc.oneof(
  fc.string(),
  fc.webUrl(),
  fc.constantFrom('null', 'http://[', 'http://[::1', ':', '[]', '[:80', 'localhost:', '.localhost', '*'),
)

test('no Host, Origin or Authorization makes the rules throw, and none is let in by its length', () => {
  const { refuse, originOf } = createCallers({
    origins: ['https://ui.example'],
    hosts: ['.internal'],
    isAuthorized: (given) => given === 'Bearer x',
  })
  fc.assert(
    fc.property(header, header, header, (host, origin, authorization) => {
      const headers = ['origin', origin, 'authorization', authorization]
      const head = { method: 'PUT', target: '/', path: '/', query: '', httpVersion: '1.1', headers, host } as const
      const refusal = refuse(head, false)
      if (refusal) assert.ok([401, 403].includes(refusal.status))
      else assert.deepEqual([originOf(head), authorization], [origin, 'Bearer x'])
    }),
  )
})

test('no document makes a change of settings throw or stores what the schema refuses', () => {
  const settings = createLiveSettings(Config.parse({}))
  const key = fc.oneof(fc.string(), fc.constantFrom(...Object.keys(Config.shape), '__proto__', 'toString'))
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(key, fc.jsonValue(), { maxKeys: 4 })), (document) => {
      settings.change(document)
      const now = settings.current()
      for (const name of CHANGEABLE) assert.ok(Config.shape[name].safeParse(now[name]).success, name)
    }),
  )
})

test('no request or expectation makes the OpenAPI document throw, and every operation of it has an answer', () => {
  const field = fc.constantFrom('method', 'path', 'queryStringParameters', 'headers', 'body', 'statusCode', '__proto__')
  const message = fc.dictionary(field, fc.oneof(fc.jsonValue(), fc.constantFrom('/a/{b}', 'GET', 'put', '/__proto__')))
  const shown = fc.record({ httpRequest: message, httpResponse: fc.option(message, { nil: undefined }) })
  fc.assert(
    fc.property(fc.array(shown, { maxLength: 5 }), (list) => {
      const { paths } = openApiOf(list) as { paths: Record<string, Record<string, { responses: object }>> }
      for (const [path, methods] of Object.entries(paths)) {
        assert.ok(path.startsWith('/'))
        for (const { responses } of Object.values(methods)) assert.ok(Object.keys(responses).length > 0)
      }
    }),
  )
})
