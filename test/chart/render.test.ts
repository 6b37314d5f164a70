import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { MANIFEST } from '../../scripts/render-manifest.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readExpectations } from '../../src/config/load-expectations.ts'
import { goldenPath, objectsOf, plainManifest, RENDERS, render, renderByHelm, variants } from '../support/chart.ts'
import { problemsOf } from '../support/kube-schemas.ts'

const folder = mkdtempSync(join(tmpdir(), 'understudy-chart-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

/** Renders with these values over the defaults. */
const renderWith = (values: unknown): string => {
  const path = join(folder, 'values.yaml')
  writeFileSync(path, stringify(values))
  return render([path])
}

test('deploy/understudy.yaml is what the chart renders to', RENDERS, () => {
  assert.equal(readFileSync(MANIFEST, 'utf8'), plainManifest(), 'run: node --run docs')
})

for (const [variant, values] of variants()) {
  test(`the variant ${variant} renders to what is checked in`, RENDERS, () => {
    assert.equal(render([values]), readFileSync(goldenPath(variant), 'utf8'), 'run: node --run docs')
  })

  test(`every object of ${variant} is one that Kubernetes knows, field by field`, RENDERS, async () => {
    const objects = objectsOf(render([values]))
    const found = await Promise.all(
      objects.map(async (object) => (await problemsOf(object)).map((problem) => `${object.kind}: ${problem}`)),
    )
    assert.deepEqual(found.flat(), [])
  })

  test(`the agent of ${variant} can start with the settings that it is given`, RENDERS, () => {
    const maps = objectsOf(render([values])).filter(({ kind }) => kind === 'ConfigMap')
    const text = maps.flatMap(({ data }) => (data as Record<string, string> | undefined)?.['config.yaml'] ?? [])
    assert.equal(text.length, 1)
    const path = join(folder, 'config.yaml')
    writeFileSync(path, text[0] ?? '')
    assert.doesNotThrow(() => loadConfig({ path, env: {} }))
  })

  test(`no two objects of ${variant} are the same one`, RENDERS, () => {
    const names = objectsOf(render([values])).map(({ kind, metadata }) => `${kind}/${metadata.name}`)
    assert.deepEqual(names, [...new Set(names)])
  })
}

test('Helm renders every variant to the same objects', RENDERS, (t) => {
  const sorted = (text: string) =>
    objectsOf(text).sort((a, b) => `${a.kind}/${a.metadata.name}`.localeCompare(`${b.kind}/${b.metadata.name}`))
  for (const [variant, values] of variants()) {
    const theirs = renderByHelm([values])
    if (theirs === undefined) return t.skip('no helm on PATH')
    assert.deepEqual(sorted(render([values])), sorted(theirs), variant)
  }
})

test('the look for unknown fields finds one, at any depth', async () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' } }
  assert.deepEqual(await problemsOf({ ...service, spec: { ports: [{ port: 1, targetPort: 2 }] } }), [])
  assert.deepEqual(await problemsOf({ ...service, spec: { ports: [{ port: 1, targetport: 2 }] } }), [
    'unknown field .spec.ports.0.targetport',
  ])
  assert.match(String(await problemsOf({ ...service, spec: { ports: [{ port: 'x' }] } })), /ports\/0\/port/)
})

/** Values that are each well-formed and do not fit together → the value that has to be named. */
const MISFITS: readonly (readonly [object, string])[] = [
  [{ config: { adminEnabled: false } }, 'config.adminEnabled'],
  [{ config: { adminHost: '127.0.0.1' } }, 'config.adminHost'],
  [{ config: { adminHost: null } }, 'config.adminHost'],
  [{ config: { adminPort: 0 } }, 'config.adminPort'],
  [{ config: { drainMs: 30_000 } }, 'terminationGracePeriodSeconds'],
  [{ terminationGracePeriodSeconds: 10 }, 'terminationGracePeriodSeconds'],
  [{ expectations: { 'a.yaml': '[]' }, existingExpectationsConfigMap: 'b' }, 'existingExpectationsConfigMap'],
  [{ expectations: { 'a.yaml': '[]' }, config: { expectationsFolder: '/x' } }, 'config.expectationsFolder'],
  [{ adminToken: { existingSecret: 'a' }, config: { adminTokenFile: '/x' } }, 'config.adminTokenFile'],
  [{ controlToken: { existingSecret: 'a' }, config: { controlTokenFile: '/x' } }, 'config.controlTokenFile'],
  [{ config: { controlHost: '0.0.0.0' } }, 'config.controlHost'],
  [{ config: { controlPort: 9901 } }, 'config.controlPort'],
  [{ podMonitor: { enabled: true } }, 'networkPolicy.metricsFrom'],
  [{ serviceAccount: { create: false } }, 'serviceAccount.name'],
  [{ updateStrategy: { type: 'OnDelete' } }, 'updateStrategy.rollingUpdate'],
  [{ updateStrategy: { rollingUpdate: { maxSurge: 0 } } }, 'updateStrategy.rollingUpdate'],
  [{ updateStrategy: { rollingUpdate: { maxUnavailable: 1 } } }, 'updateStrategy.rollingUpdate'],
]

for (const [values, named] of MISFITS) {
  test(`${JSON.stringify(values)} is refused, and the message begins with ${named}`, RENDERS, () => {
    assert.throws(() => renderWith(values), { message: new RegExp(`: ${named.replaceAll('.', '\\.')}: `) })
  })
}

test('an old cluster gets the profile of AppArmor by annotation, and one that is too old nothing', RENDERS, () => {
  const old = render([], ['-kube-version', '1.29.3'])
  assert.match(old, /container\.apparmor\.security\.beta\.kubernetes\.io\/agent: unconfined/)
  assert.doesNotMatch(old, /appArmorProfile:/)
  assert.throws(() => render([], ['-kube-version', '1.26.0']), /requires kubeVersion/)
})

test('a change of the settings is a change of the pods, one of the expectations is not', RENDERS, () => {
  const checksum = (text: string) => /checksum\/config: (\S+)/.exec(text)?.[1]
  const plain = checksum(renderWith({ expectations: { 'a.yaml': '[]' } }))
  assert.equal(checksum(renderWith({ expectations: { 'a.yaml': '[{}]' } })), plain)
  assert.notEqual(checksum(renderWith({ expectations: { 'a.yaml': '[]' }, config: { logLevel: 'debug' } })), plain)
})

test('expectations are files that the agent can read, as YAML and as text', RENDERS, () => {
  const objects = objectsOf(render([variants().get('expectations') ?? '']))
  const files = objects.find(({ metadata }) => metadata.name === 'understudy-expectations')?.['data']
  assert.ok(files)
  const read = Object.entries(files).map(([name, text]) => [name, readExpectations(name, String(text)).length])
  assert.deepEqual(read, [
    ['orders.yaml', 1],
    ['pets.json', 1],
  ])
})

test('NOTES.txt names one command, with the image that was installed', RENDERS, () => {
  const notes = render([], ['-notes'])
  assert.equal(notes.match(/^ {2}\S/gm)?.length, 1)
  assert.match(notes, /--image=understudy:0\.1\.0 .*--annotations=understudy\.dev\/intercept=true/)
})
