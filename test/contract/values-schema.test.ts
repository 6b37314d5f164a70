import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { configSchema, FILLED_IN, VALUES_SCHEMA, valuesSchema } from '../../scripts/values-schema.ts'
import { Config, defaultConfig } from '../../src/config/schema.ts'
import { CHART, variants } from '../support/chart.ts'

const check = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(valuesSchema()))
const defaults = parse(readFileSync(`${CHART}/values.yaml`, 'utf8'))

/** What the schema has against these values over the defaults, as paths with reasons. */
const problems = (values: object): string[] => {
  check({ ...defaults, ...values })
  return (check.errors ?? []).map(
    ({ instancePath, params, message }) =>
      `${instancePath}${'additionalProperty' in params ? `/${params['additionalProperty']}` : ''} ${message}`,
  )
}

test('values.schema.json is what the script generates', () => {
  assert.equal(readFileSync(VALUES_SCHEMA, 'utf8'), valuesSchema(), 'run: node --run docs')
})

test('every setting is a key of config, but for those that the chart fills in', () => {
  const keys = Object.keys((configSchema()['properties'] ?? {}) as object)
  assert.deepEqual([...keys, ...FILLED_IN].sort(), Object.keys(Config.shape).sort())
})

/** A value one beyond a limit of a setting, or of another type; undefined where any value of the type will do. */
const beyond = (schema: Record<string, unknown>): unknown => {
  if (typeof schema['maximum'] === 'number') return schema['maximum'] + 1
  if (Array.isArray(schema['enum'])) return 'no-such-word'
  if (typeof schema['maxLength'] === 'number') return 'x'.repeat(schema['maxLength'] + 1)
  if (typeof schema['maxItems'] === 'number') return Array.from({ length: schema['maxItems'] + 1 }, () => '1')
  return schema['type'] === 'string' ? 7 : 'a text'
}

test('what a setting does not accept, its value of the chart does not accept either', () => {
  const { properties } = configSchema() as { properties: Record<string, Record<string, unknown>> }
  for (const [key, schema] of Object.entries(properties)) {
    const value = beyond(schema)
    assert.ok(problems({ config: { [key]: value } }).length > 0, `values: ${key}: ${value}`)
    assert.equal(Config.safeParse({ [key]: value }).success, false, `settings: ${key}: ${value}`)
  }
})

test('every default of a setting is a value that the chart accepts', () => {
  const { dnsReserved4, dnsReserved6, nodeName, agentNamespace, ...config } = defaultConfig()
  assert.deepEqual([nodeName, agentNamespace], ['', ''])
  const written = { dnsReserved4: `${dnsReserved4.address}/16`, dnsReserved6: `${dnsReserved6.address}/64` }
  assert.deepEqual(problems({ config: { ...config, ...written } }), [])
})

for (const [variant, path] of variants()) {
  test(`the values of ${variant} are accepted, and its settings are settings`, () => {
    const values = parse(readFileSync(path, 'utf8')) as { config?: object }
    assert.deepEqual(problems(values), [])
    assert.doesNotThrow(() => Config.parse({ ...defaults.config, ...values.config }))
  })
}

/** A slip of the pen → what the message has to name. */
const SLIPS: readonly (readonly [object, string])[] = [
  [{ tolerance: [] }, '/tolerance'],
  [{ image: { repo: 'x' } }, '/image/repo'],
  [{ config: { onunmatched: 'refuse' } }, '/config/onunmatched'],
  [{ config: { nodeName: 'a' } }, '/config/nodeName'],
  [{ config: { onUnmatched: 'reject' } }, '/config/onUnmatched'],
  [{ config: { adminPort: '9901' } }, '/config/adminPort'],
  [{ config: { inbound: { prots: [] } } }, '/config/inbound/prots'],
  [{ image: { digest: 'sha256:12' } }, '/image/digest'],
  [{ expectations: { '../x.yaml': '[]' } }, '/expectations'],
  [{ expectations: { 'orders.txt': '[]' } }, '/expectations'],
  [{ networkPolicy: { apiServerPorts: [0] } }, '/networkPolicy/apiServerPorts/0'],
  [{ resources: { limit: {} } }, '/resources/limit'],
  [{ resources: { limits: { memory: '256 MB' } } }, '/resources/limits/memory'],
  [{ appArmorProfile: 'unconfined' }, '/appArmorProfile'],
  [{ podLabels: { 'app.kubernetes.io/name': 'x' } }, '/podLabels'],
  [{ podAnnotations: { 'checksum/config': 'x' } }, '/podAnnotations'],
  [{ updateStrategy: { rollingUpdate: { maxSurge: '200%' } } }, '/updateStrategy/rollingUpdate/maxSurge'],
  [{ securityContext: { privileged: true } }, '/securityContext'],
]

for (const [values, named] of SLIPS) {
  test(`${JSON.stringify(values)} is refused, and ${named} is named`, () => {
    assert.ok(
      problems(values).some((problem) => problem.startsWith(named)),
      problems(values).join('\n'),
    )
  })
}
