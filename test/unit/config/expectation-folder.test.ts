import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type FolderOptions, openExpectationFolder } from '../../../src/config/expectation-folder.ts'
import type { Expectation } from '../../../src/decide/matching/expectation.ts'
import { createExpectationStore } from '../../../src/decide/matching/store.ts'
import { type ConfigMap, mountConfigMap } from '../../support/config-map.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { answer, head } from '../decide/build.ts'

const HANG = { timeout: 20_000 }
const yaml = (path: string, status = 200): string =>
  `- httpRequest: { path: ${path} }\n  httpResponse: { statusCode: ${status} }\n`
const ids = (expectations: readonly Expectation[]): string[] => expectations.map(({ id }) => id)

/** What the folder tells, in the order in which it does; `next` waits for something that was not taken yet. */
const open = (context: TestContext, path: string, options: Partial<FolderOptions> = {}) => {
  const told: { kind: 'change' | 'error' | 'warning'; text: string }[] = []
  let wake = (): void => {}
  const tell = (kind: 'change' | 'error' | 'warning') => (text: string) => {
    told.push({ kind, text: text.replaceAll(`${path}/`, '').replaceAll(path, 'FOLDER') })
    wake()
  }
  const folder = openExpectationFolder({
    path,
    onChange: (expectations) => tell('change')(ids(expectations).join()),
    onError: tell('error'),
    onWarning: tell('warning'),
    settleMs: 2,
    ...options,
  })
  context.after(folder.close)
  const next = async () => {
    while (told.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return told.shift()
  }
  return { folder, told, next }
}

const mounted = (context: TestContext, files: Record<string, string>): ConfigMap => {
  const map = mountConfigMap(files)
  context.after(map.remove)
  return map
}
const plain = (context: TestContext, files: Record<string, string> = {}): string => {
  const path = mkdtempSync(join(tmpdir(), 'expectations-'))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}

test('the files of a mounted ConfigMap are read in the order of their names', (context) => {
  const { path } = mounted(context, {
    'b.yaml': yaml('/b'),
    'a.json': '[{"id":"first","httpResponse":{}}]',
    'c.yml': yaml('/c'),
    'README.md': '#',
  })
  const { folder, told } = open(context, path)
  assert.deepEqual(ids(folder.current()), ['first', 'b.yaml#1', 'c.yml#1'])
  assert.deepEqual(told, [])
})

test('what kubelet swaps in is taken over as a whole', HANG, async (context) => {
  const map = mounted(context, { 'a.yaml': yaml('/a'), 'b.yaml': yaml('/b') })
  const { folder, next } = open(context, map.path)
  map.write({ 'a.yaml': yaml('/a') + yaml('/aa'), 'c.yaml': yaml('/c') })
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1,a.yaml#2,c.yaml#1' })
  map.write({})
  assert.deepEqual(await next(), { kind: 'change', text: '' })
  assert.deepEqual(folder.current(), [])
})

test(
  'swaps in quick succession end in the last, and what lies between two states is no mistake',
  HANG,
  async (context) => {
    const map = mounted(context, { 'a.yaml': yaml('/0') })
    const { folder, next } = open(context, map.path)
    for (let swap = 1; swap <= 60; swap++) {
      const names = Array.from({ length: 1 + (swap % 7) }, (_, index) => `f${(swap + index) % 9}.yaml`)
      map.write(Object.fromEntries(names.map((name) => [name, yaml(`/${swap}`)])))
      await new Promise((resolve) => setImmediate(resolve))
    }
    do assert.equal((await next())?.kind, 'change')
    while (folder.current()[0]?.request?.path?.lower !== '/60')
    assert.deepEqual(
      folder.current().map(({ request }) => request?.path?.lower),
      Array.from({ length: 5 }, () => '/60'),
    )
  },
)

test('a mistake keeps all that was good, names every place, and is over with its correction', HANG, async (context) => {
  const map = mounted(context, { 'a.yaml': yaml('/a'), 'b.yaml': yaml('/b') })
  const { folder, next } = open(context, map.path)
  map.write({
    'a.yaml': yaml('/changed'),
    'b.yaml': '- httpRequest:\n    paths: /b\n  httpResponse: {}\n',
    'c.yaml': 'a: [',
  })
  const error = await next()
  assert.equal(error?.kind, 'error')
  assert.match(
    error?.text ?? '',
    /^b\.yaml:2:5 \[0\]\.httpRequest\.paths: unknown key; did you mean "path"\?\nc\.yaml:1:5 not valid YAML/,
  )
  assert.equal(folder.trouble()?.replaceAll(`${map.path}/`, ''), error?.text)
  assert.deepEqual(ids(folder.current()), ['a.yaml#1', 'b.yaml#1'])
  assert.equal(folder.current()[0]?.request?.path?.lower, '/a')
  map.write({ 'a.yaml': yaml('/changed') })
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1' })
  assert.equal(folder.trouble(), undefined)
  assert.equal(folder.current()[0]?.request?.path?.lower, '/changed')
})

test('a folder that is not there is a problem, and is read once it comes', HANG, async (context) => {
  const path = join(plain(context), 'later')
  const { folder, told, next } = open(context, path, { pollMs: 5 })
  assert.deepEqual(told.shift(), { kind: 'error', text: 'FOLDER: cannot be read: it is not there' })
  assert.deepEqual(folder.current(), [])
  mountConfigMap({ 'a.yaml': yaml('/a') }, path)
  let last = await next()
  while (last?.kind !== 'change' || last.text === '') last = await next()
  assert.equal(last.text, 'a.yaml#1')
  rmSync(path, { recursive: true })
  assert.equal((await next())?.kind, 'error')
  assert.deepEqual(ids(folder.current()), ['a.yaml#1'])
})

test('in a plain folder files may be written, replaced and removed', HANG, async (context) => {
  const path = plain(context, { 'a.yaml': yaml('/a') })
  const { next } = open(context, path)
  writeFileSync(join(path, 'b.yaml'), yaml('/b'))
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1,b.yaml#1' })
  writeFileSync(join(path, '.new'), yaml('/a') + yaml('/aa'))
  renameSync(join(path, '.new'), join(path, 'a.yaml'))
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1,a.yaml#2,b.yaml#1' })
  rmSync(join(path, 'a.yaml'))
  assert.deepEqual(await next(), { kind: 'change', text: 'b.yaml#1' })
})

test('a file that is being written is not read before it rests', HANG, async (context) => {
  const path = plain(context)
  const clock = createFakeClock()
  const { told, next } = open(context, path, { after: clock.after, settleMs: 10, pollMs: 1000, withInotify: false })
  writeFileSync(join(path, 'a.yaml'), '- httpRequest: { pa')
  clock.pass(1010)
  writeFileSync(join(path, 'a.yaml'), yaml('/a'))
  clock.pass(10)
  assert.deepEqual(told, [])
  clock.pass(10)
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1' })
})

test('without inotify a change is found by looking', HANG, async (context) => {
  const map = mounted(context, { 'a.yaml': yaml('/a') })
  const clock = createFakeClock()
  const { next } = open(context, map.path, { after: clock.after, withInotify: false })
  map.write({ 'b.yaml': yaml('/b') })
  clock.pass(10_100)
  assert.deepEqual(await next(), { kind: 'change', text: 'b.yaml#1' })
})

test('an expectation that did not change keeps what it has used up when another file does', HANG, async (context) => {
  const once = '- httpRequest: { path: /once }\n  times: { remainingTimes: 1 }\n  httpResponse: {}\n'
  const map = mounted(context, { 'a.yaml': once, 'b.yaml': yaml('/b') })
  const { folder, next } = open(context, map.path)
  const store = createExpectationStore([], 0)
  store.replaceFrom('folder', folder.current(), 0)
  assert.equal(answer(store, head('GET /once')), 'a.yaml#1')
  map.write({ 'a.yaml': `# a remark\n${once}`, 'b.yaml': yaml('/bb') })
  assert.equal((await next())?.kind, 'change')
  const { changed, unchanged } = store.replaceFrom('folder', folder.current(), 0)
  assert.deepEqual({ changed, unchanged }, { changed: 1, unchanged: 1 })
  assert.equal(answer(store, head('GET /once')), 'none')
  assert.equal(answer(store, head('GET /bb')), 'b.yaml#1')
})

test('a folder that cannot be read at all is told apart from one whose files are wrong', (context) => {
  const told: boolean[] = []
  const openAt = (path: string): void => {
    const folder = openExpectationFolder({
      path,
      onChange: () => assert.fail('nothing has changed'),
      onError: (_, isUnreadable) => told.push(isUnreadable),
    })
    context.after(folder.close)
  }
  const path = plain(context, { 'a.yaml': 'a: [' })
  openAt(join(path, 'missing'))
  openAt(join(path, 'a.yaml'))
  openAt(path)
  assert.deepEqual(told, [true, true, false])
})

/** The one thing that is told of a folder when it is opened. */
const toldOf = (context: TestContext, path: string, options: Partial<FolderOptions> = {}) => {
  const { folder, told } = open(context, path, options)
  assert.equal(told.length, 1, JSON.stringify(told))
  return { ...told[0], ids: ids(folder.current()) }
}

test('a link out of the folder is refused, and what it leads to is not shown', (context) => {
  const path = plain(context, { 'a.yaml': yaml('/a') })
  symlinkSync('/etc/passwd', join(path, 'b.yaml'))
  const text = 'FOLDER: "b.yaml" is a link that leads out of the folder'
  assert.deepEqual(toldOf(context, path), { kind: 'error', text, ids: [] })
})

test('a ..data that leads out of the folder is refused', (context) => {
  const path = plain(context)
  const elsewhere = plain(context, { 'a.yaml': yaml('/a') })
  symlinkSync(elsewhere, join(path, '..data'))
  symlinkSync('..data/a.yaml', join(path, 'a.yaml'))
  assert.equal(toldOf(context, path).text, 'FOLDER: "a.yaml" is a link that leads out of the folder')
})

test('links that lead nowhere or in circles are problems', (context) => {
  const path = plain(context)
  symlinkSync('missing.yaml', join(path, 'a.yaml'))
  symlinkSync('b.yaml', join(path, 'b.yaml'))
  assert.equal(
    toldOf(context, path).text,
    'FOLDER: "a.yaml" cannot be read: it is not there\nFOLDER: "b.yaml" cannot be read: ELOOP',
  )
})

test('pipes, folders and names that cannot be shown are left out with a warning', (context) => {
  const path = plain(context, { 'a.yaml': yaml('/a'), 'bad\u001b[2J\n.yaml': yaml('/x'), '.hidden.yaml': 'a: [' })
  execFileSync('mkfifo', [join(path, 'pipe.yaml')])
  mkdirSync(join(path, 'folder.yaml'))
  const told = toldOf(context, path)
  assert.equal(told.kind, 'warning')
  assert.deepEqual(told.ids, ['a.yaml#1'])
  assert.deepEqual(told.text?.split('\n'), [
    'FOLDER: "bad\\u001b[2J\\n.yaml" is left out: its name has characters that cannot be shown',
    'FOLDER: "folder.yaml" is left out: it is no file',
    'FOLDER: "pipe.yaml" is left out: it is no file',
  ])
})

test('a warning is not said again while it is the same', HANG, async (context) => {
  const path = plain(context, { 'a.yaml': yaml('/a') })
  mkdirSync(join(path, 'folder.yaml'))
  const { next } = open(context, path)
  assert.equal((await next())?.kind, 'warning')
  writeFileSync(join(path, 'b.yaml'), yaml('/b'))
  assert.deepEqual(await next(), { kind: 'change', text: 'a.yaml#1,b.yaml#1' })
})

test('every limit is told', (context) => {
  const path = plain(context, { 'a.yaml': yaml('/a'), 'b.yaml': yaml('/b'), 'c.txt': '' })
  const textWith = (limits: FolderOptions['limits']): string | undefined =>
    toldOf(context, path, limits ? { limits } : {}).text
  assert.match(textWith({ entries: 2 }) ?? '', /^FOLDER: more than 2 entries/)
  assert.match(textWith({ files: 1 }) ?? '', /^FOLDER: 2 files, and 1 is the most$/)
  assert.match(textWith({ fileBytes: 10 }) ?? '', /^a\.yaml: it is larger than 10 bytes\nb\.yaml/)
  assert.match(textWith({ totalBytes: 80 }) ?? '', /^FOLDER: the files are larger than 80 bytes together$/)
  assert.match(textWith({ expectations: 1 }) ?? '', /^FOLDER: 2 expectations, and 1 is the most/)
})

test('a file larger than a ConfigMap can be is not read to its end', (context) => {
  const path = plain(context)
  writeFileSync(join(path, 'a.yaml'), Buffer.alloc(2 * 1024 * 1024, '#'))
  assert.equal(toldOf(context, path).text, 'a.yaml: it is larger than 1048576 bytes')
})

test('bytes that are no text, and an id that two files give, are problems', (context) => {
  const twice = '- id: same\n  httpResponse: {}\n'
  const path = plain(context, { 'b.yaml': twice, 'c.yaml': twice })
  writeFileSync(join(path, 'a.yaml'), Buffer.from([0xff, 0xfe, 0xfd]))
  assert.equal(
    toldOf(context, path).text,
    'a.yaml: it is not UTF-8 text\nc.yaml: the id "same" is in b.yaml too; ids are unique in a folder',
  )
})

test('an id that looks like the place of another expectation is one that is given twice', (context) => {
  const path = plain(context, { 'a.yaml': '- id: a.yaml#2\n  httpResponse: {}\n- httpResponse: {}\n' })
  assert.equal(toldOf(context, path).text, 'a.yaml: the id "a.yaml#2" is given twice; ids are unique in a folder')
})

test('a document that a file names by its path is not read', (context) => {
  const secret = join(plain(context, { 'spec.yaml': 'openapi: 3.0.0' }), 'spec.yaml')
  const path = plain(context, { 'a.yaml': `- specUrlOrPayload: ${secret}\n` })
  assert.match(
    toldOf(context, path).text ?? '',
    /^a\.yaml:1:21 .*files are not read from here; give the document itself$/,
  )
})

test('a hundred problems are listed and the others counted', (context) => {
  const path = plain(context, Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`f${index}.yaml`, 'a: ['])))
  const lines = toldOf(context, path).text?.split('\n') ?? []
  assert.equal(lines.length, 101)
  assert.equal(lines.at(-1), `… and ${120 - 100} more`)
})

test('nothing is told any more once it is closed', (context) => {
  const map = mounted(context, { 'a.yaml': yaml('/a') })
  const clock = createFakeClock()
  const { folder, told } = open(context, map.path, { after: clock.after, withInotify: false })
  map.write({ 'b.yaml': yaml('/b') })
  clock.pass(10_000)
  folder.close()
  assert.equal(clock.waiting, 0)
  clock.pass(60_000)
  assert.deepEqual(told, [])
})
