/** What every source of workloads promises, wherever it has them from. A new one gets an entry in SOURCES. */
import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readDocument, readTextFile } from '../../src/config/document.ts'
import { createFileSource } from '../../src/workloads/from-file.ts'
import { createRunSource } from '../../src/workloads/from-run.ts'
import { createKubernetesSource } from '../../src/workloads/kubernetes/source.ts'
import type { WorkloadFacts, WorkloadSource } from '../../src/workloads/source.ts'
import { createApiServer } from '../support/api-server.ts'

/** A workload as the suite wants it to be there; all are in the namespace `shop`, whose labels are `{ team: web }`. */
interface Wanted {
  readonly uid: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

interface Made {
  readonly source: WorkloadSource
  /** What there is at first. */
  readonly first: readonly Wanted[]
  /** Empty where the source knows no labels of namespaces from outside. */
  readonly namespaceLabels: Readonly<Record<string, string>>
}

interface MadeChanging extends Made {
  /** Makes these all that there is. */
  readonly set: (workloads: readonly Wanted[]) => void
}

/** constant: it has always the same. */
type Maker =
  | { readonly kind: 'constant'; readonly make: (context: TestContext) => Made }
  | { readonly kind: 'changing'; readonly make: (context: TestContext) => Promise<MadeChanging> }

const A: Wanted = { uid: 'a-1', name: 'a', labels: { app: 'a' } }
const B: Wanted = { uid: 'b-1', name: 'b', labels: {} }

const fromFile = async (context: TestContext): Promise<MadeChanging> => {
  const folder = mkdtempSync(join(tmpdir(), 'workloads-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'workloads.yaml')
  const set = (workloads: readonly Wanted[]): void => {
    const namespaces = { shop: { labels: { team: 'web' } } }
    const listed = workloads.map((each) => ({ ...each, namespace: 'shop' }))
    writeFileSync(`${path}.new`, JSON.stringify({ namespaces, workloads: listed }))
    renameSync(`${path}.new`, path)
  }
  set([A])
  const source = createFileSource({
    path,
    read: (file, schema) => readDocument({ path: file, text: readTextFile(file), schema, code: 'BAD_WORKLOADS' }).value,
    onTrouble: (text) => assert.fail(text),
    settleMs: 2,
    pollMs: 50,
  })
  return { source, set, first: [A], namespaceLabels: { team: 'web' } }
}

const fromKubernetes = async (context: TestContext): Promise<MadeChanging> => {
  const api = await createApiServer()
  context.after(api.close)
  api.createNamespace('shop', { team: 'web' })
  const there = new Map<string, string>()
  const set = (workloads: readonly Wanted[]): void => {
    for (const [uid, name] of there) {
      if (workloads.some((one) => one.uid === uid)) continue
      api.deletePod('shop', name)
      there.delete(uid)
    }
    for (const { uid, name, labels } of workloads) {
      api.createPod({ metadata: { uid, name, labels, namespace: 'shop' } })
      there.set(uid, name)
    }
  }
  set([A])
  const source = createKubernetesSource({
    ...{ server: api.url, tokenFile: '', caFile: '', nodeName: 'node-1', watchNamespaces: true },
    onFailure: (kind, message) => assert.fail(`${kind}: ${message}`),
  })
  return { source, set, first: [A], namespaceLabels: { 'kubernetes.io/metadata.name': 'shop', team: 'web' } }
}

const fromRun = (): Made => {
  const source = createRunSource({ ...A, namespace: 'shop', cgroupPath: '/sys/fs/cgroup/a' })
  return { source, first: [A], namespaceLabels: {} }
}

const SOURCES: Readonly<Record<WorkloadSource['name'], Maker>> = {
  file: { kind: 'changing', make: fromFile },
  kubernetes: { kind: 'changing', make: fromKubernetes },
  run: { kind: 'constant', make: fromRun },
}

const HANG = { timeout: 20_000 }
const uidsOf = (source: WorkloadSource): string[] => [...source.all()].map(({ uid }) => uid).sort()

/** Starts a source and notes what it tells. */
const started = (context: TestContext, made: Made) => {
  const told: string[] = []
  let wake = (): void => {}
  let hasReturned = false
  made.source.start((uid) => {
    assert.ok(hasReturned, 'told before start has returned')
    told.push(uid)
    wake()
  })
  hasReturned = true
  context.after(() => made.source.close())
  /** Until all of these were told, each perhaps more than once. */
  const until = async (...uids: string[]): Promise<void> => {
    while (!uids.every((uid) => told.includes(uid))) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    told.length = 0
  }
  return { told, until }
}

for (const [name, { make }] of Object.entries(SOURCES)) {
  test(`${name}: it says which source it is, and knows nothing for certain before it is started`, async (context) => {
    const { source } = await make(context)
    assert.equal(source.name, name)
    assert.equal(source.health().isSynced, false)
  })

  test(`${name}: what is there at first is told, not before start has returned`, HANG, async (context) => {
    const made = await make(context)
    const { until } = started(context, made)
    await until(...made.first.map(({ uid }) => uid))
    assert.deepEqual(made.source.health(), { isSynced: true })
    assert.deepEqual(uidsOf(made.source), made.first.map(({ uid }) => uid).sort())
  })

  test(`${name}: get and all agree, and facts are whole`, HANG, async (context) => {
    const made = await make(context)
    const { until } = started(context, made)
    await until(...made.first.map(({ uid }) => uid))
    for (const facts of made.source.all()) {
      assert.deepEqual(made.source.get(facts.uid), facts)
      assertWhole(facts)
      const wanted = made.first.find(({ uid }) => uid === facts.uid)
      assert.deepEqual({ uid: facts.uid, name: facts.name, labels: facts.labels }, wanted)
    }
    assert.equal(made.source.get('never-heard-of'), undefined)
  })

  test(`${name}: labels of a namespace are those it has, and unknown where nobody knows it`, HANG, async (context) => {
    const made = await make(context)
    const { until } = started(context, made)
    await until(...made.first.map(({ uid }) => uid))
    assert.deepEqual(made.source.namespaceLabels('shop'), made.namespaceLabels)
    assert.equal(made.source.namespaceLabels('elsewhere'), undefined)
    assert.equal(made.source.namespaceLabels('__proto__'), undefined)
  })

  test(
    `${name}: nothing is told once it is closed, even right after the start; closing twice is fine`,
    HANG,
    async (context) => {
      const made = await make(context)
      const { told } = started(context, made)
      await made.source.close()
      if ('set' in made) made.set([A, B])
      await made.source.close()
      // Whatever was under way when it was closed has had its turns by then.
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(told, [])
    },
  )
}

for (const [name, maker] of Object.entries(SOURCES)) {
  if (maker.kind === 'constant') continue

  test(`${name}: what comes, changes and goes is told, and found as it then is`, HANG, async (context) => {
    const made = await maker.make(context)
    const { until } = started(context, made)
    await until(A.uid)
    made.set([A, B])
    await until(B.uid)
    assert.deepEqual(uidsOf(made.source), [A.uid, B.uid])
    made.set([{ ...A, labels: { app: 'other' } }, B])
    await until(A.uid)
    assert.deepEqual(made.source.get(A.uid)?.labels, { app: 'other' })
    made.set([B])
    await until(A.uid)
    assert.equal(made.source.get(A.uid), undefined)
    assert.deepEqual(uidsOf(made.source), [B.uid])
  })
}

function assertWhole(facts: WorkloadFacts): void {
  assert.match(facts.uid, /^[\w.-]+$/)
  assert.notEqual(facts.cgroupUid, '')
  assert.equal(typeof facts.isHostNetwork, 'boolean')
  assert.equal(typeof facts.hasEnded, 'boolean')
  assert.ok(facts.createdAtMs >= 0)
  for (const list of [facts.ips, facts.containerIds, facts.refusedAnnotations]) assert.ok(Array.isArray(list))
  for (const key of Object.keys(facts.annotations)) assert.ok(!key.includes('/'), key)
}
