import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readDocument, readTextFile } from '../../../src/config/document.ts'
import { createFileSource } from '../../../src/workloads/from-file.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const opened = (context: TestContext, text: string | undefined, name = 'workloads.yaml') => {
  const folder = mkdtempSync(join(tmpdir(), 'workloads-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, name)
  if (text !== undefined) writeFileSync(path, text)
  const clock = createFakeClock()
  const told: string[] = []
  const troubles: string[] = []
  const source = createFileSource({
    path,
    read: (file, schema) => readDocument({ path: file, text: readTextFile(file), schema, code: 'BAD_WORKLOADS' }).value,
    onTrouble: (trouble) => troubles.push(trouble.replaceAll(`${folder}/`, '')),
    ...{ settleMs: 10, pollMs: 1000, after: clock.after, withInotify: false },
  })
  source.start((uid) => told.push(uid))
  context.after(() => source.close())
  /** Writes the file, and lets the source see it. */
  const write = (next: string): string[] => {
    told.length = 0
    writeFileSync(path, next)
    clock.pass(1020)
    return [...told].sort()
  }
  return { folder, path, clock, told, troubles, source, write }
}

const one = (more = ''): string => `workloads:\n- { uid: u1, namespace: shop, name: cart${more} }\n`

test('everything that a file may say of a workload is taken over', (context) => {
  const { source, troubles } = opened(
    context,
    `
namespaces:
  shop: { labels: { understudy.dev/interception: enabled } }
workloads:
- uid: u1
  namespace: shop
  name: cart-7d9f
  labels: { app: cart }
  annotations: { intercept: "true", understudy.dev/mode: mock, example.org/owner: somebody }
  ips: [10.0.0.5, "fd00::5"]
  isHostNetwork: false
  hasEnded: false
  cgroupUid: c1
  containerIds: [0a1b2c]
  createdAt: 2026-11-28T05:00:00+01:00
  netnsPath: /run/netns/cart
  cgroupPath: /sys/fs/cgroup/cart
`,
  )
  assert.deepEqual(troubles, [])
  assert.deepEqual(source.get('u1'), {
    uid: 'u1',
    namespace: 'shop',
    name: 'cart-7d9f',
    labels: { app: 'cart' },
    annotations: { intercept: 'true', mode: 'mock' },
    refusedAnnotations: [],
    ips: ['10.0.0.5', 'fd00::5'],
    isHostNetwork: false,
    hasEnded: false,
    cgroupUid: 'c1',
    containerIds: ['0a1b2c'],
    createdAtMs: Date.UTC(2026, 10, 28, 4),
    netnsPath: '/run/netns/cart',
    cgroupPath: '/sys/fs/cgroup/cart',
  })
  assert.deepEqual(source.namespaceLabels('shop'), { 'understudy.dev/interception': 'enabled' })
})

test('what is left out has its default, and a workload its own UID for its cgroup', (context) => {
  const facts = opened(context, one()).source.get('u1')
  assert.equal(facts?.cgroupUid, 'u1')
  assert.equal(facts?.createdAtMs, 0)
  assert.deepEqual([facts?.labels, facts?.annotations, facts?.ips, facts?.netnsPath], [{}, {}, [], undefined])
})

test('every mistake is named with its place', (context) => {
  const { troubles, source } = opened(
    context,
    `workloads:
- uid: ../../etc
  namespace: Shop
  name: cart
  annotations: { intercept: true }
  ips: [10.0.0]
- { uid: u2, namespace: shop, name: b, netnsPath: proc/1/ns/net, cgroupPath: /sys/fs/cgroup/../../etc }
- { uid: u3, namespace: shop, name: c, label: {} }
`,
  )
  assert.equal(source.health().isSynced, false)
  assert.deepEqual(troubles[0]?.split('\n'), [
    'workloads.yaml:2:8 workloads[0].uid: expected 1 to 128 letters, digits, "-", "_" and ".", the first and the last a letter or digit, got "../../etc"',
    'workloads.yaml:3:14 workloads[0].namespace: expected the name of a namespace, such as "payments", got "Shop"',
    'workloads.yaml:5:29 workloads[0].annotations.intercept: expected a string, got true',
    'workloads.yaml:6:9 workloads[0].ips[0]: expected an IPv4 or IPv6 address, got "10.0.0"',
    'workloads.yaml:7:51 workloads[1].netnsPath: expected an absolute path without "..", got "proc/1/ns/net"',
    'workloads.yaml:7:78 workloads[1].cgroupPath: expected an absolute path without "..", got "/sys/fs/cgroup/../../etc"',
    'workloads.yaml:8:40 workloads[2].label: unknown key; did you mean "labels"?',
  ])
})

test('two workloads have neither one UID nor one network namespace', (context) => {
  const two = (uid: string, path: string): string => `- { uid: ${uid}, namespace: shop, name: a, netnsPath: ${path} }\n`
  assert.match(
    opened(context, `workloads:\n${two('a', '/x')}${two('a', '/y')}`).troubles.join(),
    /:3:10 workloads\[1\]\.uid: the same uid as \[0\]/,
  )
  assert.match(
    opened(context, `workloads:\n${two('a', '/x')}${two('b', '/x')}`).troubles.join(),
    /the same netnsPath as \[0\]/,
  )
})

test('an annotation with and without its prefix is given twice', (context) => {
  const { troubles } = opened(context, one(', annotations: { mode: mock, understudy.dev/mode: mock }'))
  assert.match(troubles.join(), /understudy\.dev\/mode is given with and without its prefix/)
})

test('only what differs is told, and a namespace concerns all that are in it', async (context) => {
  const { told, write } = opened(
    context,
    `${one()}- { uid: u2, namespace: shop, name: b }\n- { uid: u3, namespace: other, name: c }\n`,
  )
  await turn()
  assert.deepEqual(told, ['u1', 'u2', 'u3'])
  assert.deepEqual(write(`# a remark\n${one()}- { uid: u2, namespace: shop, name: bb }\n`), ['u2', 'u3'])
  assert.deepEqual(
    write(`namespaces: { shop: { labels: { a: b } } }\n${one()}- { uid: u2, namespace: shop, name: bb }\n`),
    ['u1', 'u2'],
  )
})

test('a mistake keeps what was good last, is said once, and is over with its correction', (context) => {
  const { source, troubles, write, path } = opened(context, one())
  assert.deepEqual(write('workloads: 3\n'), [])
  assert.deepEqual(write('workloads: 3 \n'), [])
  assert.deepEqual(troubles, ['workloads.yaml:1:12 workloads: expected a list, got 3'])
  assert.deepEqual(source.health(), { isSynced: true, trouble: troubles[0]?.replace('workloads.yaml', path) })
  assert.equal(source.get('u1')?.name, 'cart')
  assert.deepEqual(write(one(', hasEnded: true')), ['u1'])
  assert.deepEqual(source.health(), { isSynced: true })
})

test('a file that is not there is trouble, and read once it comes', (context) => {
  const { source, troubles, write } = opened(context, undefined)
  assert.match(troubles.join(), /^cannot read workloads\.yaml: no such file$/)
  assert.equal(source.health().isSynced, false)
  assert.deepEqual(write(one()), ['u1'])
  assert.deepEqual(source.health(), { isSynced: true })
})

test('a pipe is not waited for', (context) => {
  const { path, troubles, clock } = opened(context, undefined)
  execFileSync('mkfifo', [path])
  clock.pass(1020)
  assert.equal(troubles.at(-1), 'workloads.yaml: it is no file')
})

test('a file that goes keeps its workloads', (context) => {
  const { source, path, clock, troubles } = opened(context, one())
  rmSync(path)
  clock.pass(1020)
  assert.equal(troubles.length, 1)
  assert.equal(source.get('u1')?.name, 'cart')
})

test('an empty list is no mistake', (context) => {
  const { source, write } = opened(context, one())
  assert.deepEqual(write('workloads: []\n'), ['u1'])
  assert.deepEqual([...source.all()], [])
})

test('a link that leads to another file is a change', (context) => {
  const { folder, told, path, clock } = opened(context, undefined)
  for (const [name, text] of [
    ['one', one()],
    ['two', one(', labels: { a: b }')],
  ] as const) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'list'), text)
    rmSync(path, { force: true })
    symlinkSync(join(name, 'list'), path)
    clock.pass(1020)
  }
  assert.deepEqual(told, ['u1', 'u1'])
})
