import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createListWatch } from '../../../../src/workloads/kubernetes/list-watch.ts'
import { projectNamespace } from '../../../../src/workloads/kubernetes/project-namespace.ts'
import { createHandClock, settle } from '../../../support/quick-clock.ts'
import { createScriptedApi } from '../../../support/scripted-api.ts'

const object = (name: string, version: string | undefined = '5', labels: object = {}) => ({
  kind: 'Namespace',
  metadata: { name, uid: `u-${name}`, resourceVersion: version, labels },
})
const listOf = (version: string, ...names: string[]) => ({
  kind: 'NamespaceList',
  metadata: { resourceVersion: version },
  items: names.map((name) => object(name)),
})

const start = async (t: TestContext, changed: (key: string) => void = () => undefined) => {
  const api = createScriptedApi()
  const clock = createHandClock()
  const told: string[] = []
  const listWatch = createListWatch({
    client: api.client,
    clock,
    capacity: 5,
    listed: { resource: 'namespaces', kind: 'Namespace', path: '/api/v1/namespaces', query: {} },
    project: projectNamespace,
    changed: (key, now) => {
      told.push(now ? key : `-${key}`)
      changed(key)
    },
  })
  t.after(listWatch.close)
  listWatch.start()
  await settle()
  const list = async (version: string, ...names: string[]) => {
    const open = api.open()
    assert.equal(open.call.verb, 'list')
    await open.send(listOf(version, ...names))
    await open.end()
  }
  const failures = () =>
    Object.fromEntries(Object.entries(listWatch.counters().failures).filter(([, count]) => count > 0))
  return { api, clock, told, listWatch, list, failures }
}

describe('a list and the watches after it', () => {
  test('the first list is what the server has in memory, the watch goes on from there', async (t) => {
    const { api, list, told, listWatch } = await start(t)
    assert.deepEqual(api.open().call.query, { limit: '500', resourceVersion: '0' })
    assert.equal(listWatch.isSynced, false)
    await list('7', 'a', 'b')
    assert.equal(listWatch.isSynced, true)
    assert.deepEqual(told, ['a', 'b'])
    assert.deepEqual(api.open().call.query, {
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '7',
      timeoutSeconds: '290',
    })
  })

  test('a list in pages is one list, and changes nothing before its end', async (t) => {
    const { api, told, list } = await start(t)
    const page = { ...listOf('7', 'a'), metadata: { resourceVersion: '7', continue: 'next' } }
    await api.open().send(page)
    await api.open().end()
    assert.deepEqual(told, [])
    assert.deepEqual(api.open().call.query, { limit: '500', continue: 'next' })
    await list('7', 'b')
    assert.deepEqual(told, ['a', 'b'])
  })

  test('changes are told, and an update that changes nothing of what is kept is not', async (t) => {
    const { api, told, list, listWatch } = await start(t)
    await list('7', 'a')
    await api.open().send({ type: 'ADDED', object: object('b', '8') })
    await api.open().send({ type: 'MODIFIED', object: object('a', '9') })
    await api.open().send({ type: 'MODIFIED', object: object('a', '10', { x: 'y' }) })
    await api.open().send({ type: 'DELETED', object: object('b', '11') })
    assert.deepEqual(told, ['a', 'b', 'a', '-b'])
    assert.deepEqual([...listWatch.values], [['a', { x: 'y' }]])
  })

  test('a watch that ended begins again at the last version, a bookmark among them', async (t) => {
    const { api, clock, list } = await start(t)
    await list('7')
    await api.open().send({ type: 'ADDED', object: object('b', '8') })
    await api.open().send({ type: 'BOOKMARK', object: { kind: 'Namespace', metadata: { resourceVersion: '20' } } })
    await clock.advance(60_000)
    await api.open().end()
    assert.equal(api.open().call.query?.['resourceVersion'], '20')
  })

  test('news that cannot be taken does not lose the version', async (t) => {
    const { api, clock, list, failures } = await start(t, () => {
      throw new Error('no')
    })
    await list('7', 'a')
    await api.open().send({ type: 'ADDED', object: object('b', '8') })
    await clock.advance(60_000)
    await api.open().end()
    assert.equal(api.open().call.query?.['resourceVersion'], '8')
    assert.deepEqual(failures(), { handler: 2 })
  })
})

describe('a version that is too old', () => {
  const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }

  test('is followed by one list at once, and what is gone is told', async (t) => {
    const { api, told, list, listWatch, failures } = await start(t)
    await list('7', 'a', 'b')
    await api.open().send(gone)
    assert.deepEqual(api.open().call.query, { limit: '500' })
    await list('30', 'b', 'c')
    assert.deepEqual(told, ['a', 'b', '-a', 'c'])
    assert.equal(api.open().call.query?.['resourceVersion'], '30')
    assert.equal(listWatch.counters().relists, 1)
    assert.deepEqual(failures(), { gone: 1 })
  })

  test('again and again is waited for, longer each time', async (t) => {
    const { api, clock, list } = await start(t)
    const waits: (number | undefined)[] = []
    await list('7')
    for (let round = 0; round < 5; round += 1) {
      await api.open().send(gone)
      const [ms] = clock.timers()
      waits.push(api.isIdle ? ms : 0)
      await clock.advance(30_000)
      await list('7')
    }
    assert.deepEqual(waits, [0, 500, 1000, 2000, 4000])
  })

  test('of a page has the list begun anew, but not for ever', async (t) => {
    const { api, told, failures } = await start(t)
    for (let round = 0; round < 3; round += 1) {
      assert.equal(api.open().call.query?.['continue'], undefined)
      await api.open().send({ ...listOf('7', 'a'), metadata: { resourceVersion: '7', continue: 'next' } })
      await api.open().end()
      await api.open().fail({ kind: 'gone', status: 410 })
    }
    assert.deepEqual(failures(), { gone: 1 })
    assert.deepEqual(told, [])
  })

  test('is asked for by nobody after the server lost versions that it had given out', async (t) => {
    const { api, clock, list } = await start(t)
    await list('7')
    await api.open().fail({ kind: 'server', status: 504, isVersionTooLarge: true })
    await clock.advance(30_000)
    assert.deepEqual(api.open().call.query, { limit: '500' })
  })
})

describe('a server that is away', () => {
  test('is asked again and again, ever less often, and nothing is forgotten', async (t) => {
    const { api, clock, list, listWatch, told } = await start(t)
    await list('7', 'a')
    const waits: number[] = []
    for (let round = 0; round < 8; round += 1) {
      await api.open().fail({ kind: 'network' })
      waits.push(clock.timers()[0] ?? 0)
      await clock.advance(waits.at(-1) ?? 0)
    }
    assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000])
    assert.equal(listWatch.trouble, 'gone')
    await api.open().send({ type: 'ADDED', object: object('b', '8') })
    assert.equal(listWatch.trouble, undefined)
    assert.deepEqual(told, ['a', 'b'])
    assert.equal(listWatch.counters().relists, 0)
  })

  test('is left alone as long as it asks for', async (t) => {
    const { api, clock } = await start(t)
    await api.open().fail({ kind: 'throttled', status: 429, retryAfterMs: 40_000 })
    await clock.advance(39_999)
    assert.ok(api.isIdle)
    await clock.advance(1)
    assert.equal(api.open().call.verb, 'list')
  })

  test('that ends each watch at once is not asked in a hot loop', async (t) => {
    const { api, clock, list } = await start(t)
    await list('7')
    for (let round = 0; round < 20; round += 1) {
      await api.open().send({ type: 'ADDED', object: object('b', '8') })
      await api.open().end()
      assert.ok(api.isIdle)
      await clock.advance(clock.timers()[0] ?? 0)
    }
  })

  test('that refuses ten watches in a row is asked for a list', async (t) => {
    const { api, clock, list } = await start(t)
    await list('7')
    for (let round = 0; round < 10; round += 1) {
      assert.equal(api.open().call.verb, 'watch')
      await api.open().fail({ kind: 'server', status: 500 })
      await clock.advance(30_000)
    }
    assert.equal(api.open().call.verb, 'list')
  })
})

describe('a server that lies', () => {
  const lists: Readonly<Record<string, object>> = {
    'another kind': { ...listOf('7', 'a'), kind: 'PodList' },
    'no kind': { metadata: { resourceVersion: '7' }, items: [] },
    'no version': { kind: 'NamespaceList', metadata: {}, items: [] },
    'a version that is a number': { kind: 'NamespaceList', metadata: { resourceVersion: 7 }, items: [] },
    'no metadata': { kind: 'NamespaceList', items: [] },
    'a token that is no text': { kind: 'NamespaceList', metadata: { resourceVersion: '7', continue: {} }, items: [] },
  }
  for (const [what, list] of Object.entries(lists)) {
    test(`about a list, with ${what}, is not believed`, async (t) => {
      const { api, failures, told, listWatch } = await start(t)
      await api.open().send(list)
      await api.open().end()
      assert.deepEqual(failures(), { malformed: 1 })
      assert.deepEqual(told, [])
      assert.equal(listWatch.isSynced, false)
    })
  }

  test('with a page that names itself as the next, or pages without end, is given up', async (t) => {
    const { api, failures, clock } = await start(t)
    const page = (token: string) => ({ ...listOf('7', 'a'), metadata: { resourceVersion: '7', continue: token } })
    for (let round = 0; round < 2; round += 1) {
      await api.open().send(page('same'))
      await api.open().end()
    }
    assert.deepEqual(failures(), { malformed: 1, bad_object: 1 })
    await clock.advance(30_000)
    for (let pages = 0; pages < 2000; pages += 1) {
      await api.open().send(page(`page ${pages}`))
      await api.open().end()
    }
    assert.ok(api.isIdle)
    assert.equal(failures()['malformed'], 2)
  })

  test('about single objects loses those, and no others', async (t) => {
    const { api, failures, listWatch, told } = await start(t)
    const items = [object('a'), { metadata: { name: 'x' } }, null, 7, object('a'), { ...object('b'), kind: 'Pod' }]
    await api.open().send({ ...listOf('7'), items })
    await api.open().end()
    await api.open().send({ type: 'ADDED', object: null })
    await api.open().send({ type: 'SUDDENLY', object: object('c') })
    await api.open().send({ type: 'BOOKMARK', object: {} })
    await api.open().send({ type: 'ADDED', object: object('d', '') })
    assert.equal(api.open().call.query?.['resourceVersion'], '7')
    assert.deepEqual(told, ['a', 'd'])
    assert.equal(listWatch.values.size, 2)
    // Five of the list; the null has two things wrong with it, the others one each.
    assert.deepEqual(failures(), { bad_object: 10 })
  })

  test('about who was deleted is asked for a list', async (t) => {
    const { api, clock, list, told } = await start(t)
    await list('7', 'a')
    await api.open().send({ type: 'DELETED', object: { kind: 'Namespace', metadata: { resourceVersion: '8' } } })
    await clock.advance(30_000)
    await list('8')
    assert.deepEqual(told, ['a', '-a'])
  })

  test('with more objects than are kept loses the rest, and counts them', async (t) => {
    const { list, listWatch, failures } = await start(t)
    await list('7', 'a', 'b', 'c', 'd', 'e', 'f', 'g')
    assert.equal(listWatch.values.size, 5)
    assert.deepEqual(failures(), { too_many: 2 })
  })

  test('with a line that is no JSON, or no line at all, is asked for a list', async (t) => {
    for (const text of ['{"type":\n', '\0\0\n', '[]]\n', 'x'.repeat(9 << 20)]) {
      const { api, clock, list, failures } = await start(t)
      await list('7')
      await api.open().send(text)
      await clock.advance(30_000)
      assert.equal(api.open().call.verb, 'list')
      assert.deepEqual(failures(), text.length > 100 ? { too_large: 1 } : { malformed: 1 })
    }
  })
})

test('closing ends a list, a watch and a wait', async (t) => {
  const listing = await start(t)
  await listing.listWatch.close()
  assert.ok(listing.api.isIdle)
  const watching = await start(t)
  await watching.list('7')
  await watching.listWatch.close()
  assert.ok(watching.api.isIdle)
  const waiting = await start(t)
  await waiting.api.open().fail({})
  await waiting.listWatch.close()
  await waiting.clock.advance(100_000)
  assert.ok(waiting.api.isIdle)
})
