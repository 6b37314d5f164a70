/** Who may import whom. Data flows one way and imports point inward; changing a row needs a line in ARCHITECTURE.md. */
import assert from 'node:assert/strict'
import { posix } from 'node:path'
import { test } from 'node:test'
import { filesUnder, read, withoutComments } from './tree.ts'

const MIDDLE = ['action', 'flow', 'errors', 'resolve', 'decide']
/** What an adapter may see: the middle, the wire formats, which do no I/O either, and the one way to reset a socket. */
const INWARD = [...MIDDLE, 'http1', 'tls', 'proxy-protocol', 'reset', 'websocket']
const ADAPTERS = ['kernel', 'capture', 'workloads', 'intercept', 'act', 'dns', 'record', 'control', 'config']

/** Room → the other rooms its files may import. A room is a folder of src/, or a file directly in it. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  action: ['flow'],
  flow: ['action'],
  errors: [],
  resolve: ['flow', 'errors'],
  decide: ['action', 'flow', 'errors'],
  http1: ['flow', 'errors'],
  tls: [],
  'proxy-protocol': ['flow', 'errors', 'resolve'],
  reset: [],
  'watch-folder': [],
  websocket: ['flow', 'http1'],
  kernel: INWARD,
  capture: INWARD,
  workloads: [...INWARD, 'watch-folder'],
  intercept: INWARD,
  act: INWARD,
  dns: MIDDLE,
  record: INWARD,
  control: INWARD,
  config: [...MIDDLE, 'content', 'watch-folder'],
  // The event log's way to watch an exchange, and the redaction of records.
  recording: [...INWARD, 'control', 'record', 'content'],
  content: ['decide'],
  // Ports, types only.
  stages: INWARD,
  'plane-options': [],
  pipeline: [...INWARD, 'stages'],
  paths: [],
  'idle-memory': [],
  // The composition: the data plane, the record stage, and one file per way to start them.
  understudy: [
    ...INWARD,
    ...['intercept', 'act', 'acts', 'record', 'config', 'content', 'control', 'control-stage', 'pipeline', 'stages'],
    ...['plane-options', 'idle-memory', 'site'],
  ],
  site: [
    ...INWARD,
    ...['intercept', 'act', 'acts', 'record', 'config', 'control-stage', 'pipeline', 'plane-options', 'stages'],
  ],
  acts: [...INWARD, 'act', 'intercept', 'config', 'control-stage', 'plane-options', 'stages'],
  'control-stage': [...MIDDLE, 'content', 'control', 'record', 'config', 'websocket'],
  // Of control, the file of tokens, which the admin server asks for as well.
  'record-stage': ['errors', 'paths', 'record', 'recording', 'config', 'control', 'workloads'],
  run: [...INWARD, ...ADAPTERS, 'understudy', 'plane-options', 'record-stage', 'paths'],
  agent: [...INWARD, ...ADAPTERS, 'understudy', 'plane-options', 'record-stage', 'paths', 'run'],
  serve: [...INWARD, ...ADAPTERS, 'understudy', 'record-stage', 'paths'],
  cli: [...MIDDLE, 'proxy-protocol', 'config', 'kernel', 'capture', 'workloads', 'run', 'serve', 'agent', 'paths'],
  main: ['errors', 'cli', 'paths'],
}

/** Rooms that may import anything as a type: ports are declared by the stage that needs them. */
const TYPES_FROM_ANYWHERE = new Set(['pipeline', 'plane-options'])
/** What would make the middle impure: I/O, clocks, the environment, output. */
const IMPURE =
  /(?<![.\w])(process\.|console\.|Date\.now|performance\.|new Date\(\)|setTimeout|setInterval|setImmediate|fetch\()/

interface Import {
  readonly specifier: string
  readonly isType: boolean
}

function importsOf(source: string): Import[] {
  const found: Import[] = []
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]/gm
  for (const [, type, specifier = ''] of source.matchAll(statement)) found.push({ specifier, isType: Boolean(type) })
  for (const [, specifier = ''] of source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)) {
    found.push({ specifier, isType: false })
  }
  return found
}

/** 'act' for src/act/mock.ts, 'flow' for src/flow.ts. */
function roomOf(path: string): string {
  const [, first = ''] = path.split('/')
  return first.replace(/\.ts$/, '')
}

const sources = filesUnder('src', /\.ts$/).map((path) => {
  const text = withoutComments(read(path))
  return { path, text, room: roomOf(path), imports: importsOf(text) }
})

test('every room of src is in the table', () => {
  const unknown = sources.filter(({ room }) => !Object.hasOwn(ALLOWED, room)).map(({ path }) => path)
  assert.deepEqual(unknown, [])
})

test('a file imports only the rooms its own room may see', () => {
  const breaches = sources.flatMap(({ path, room, imports }) =>
    imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .filter(({ isType }) => !(isType && TYPES_FROM_ANYWHERE.has(room)))
      .map(({ specifier }) => posix.join(posix.dirname(path), specifier))
      .filter((target) => roomOf(target) !== room && !ALLOWED[room]?.includes(roomOf(target)))
      .map((target) => `${path} imports ${target}`),
  )
  assert.deepEqual(breaches, [])
})

test('the middle is pure: it imports only itself, and no clock, environment or output', () => {
  const middle = sources.filter(({ room }) => MIDDLE.includes(room))
  const breaches = middle.flatMap(({ path, text, imports }) => [
    ...imports.filter(({ specifier }) => !specifier.startsWith('.')).map(({ specifier }) => `${path}: ${specifier}`),
    ...(IMPURE.exec(text)
      ?.slice(1)
      .map((name) => `${path}: ${name}`) ?? []),
  ])
  assert.deepEqual(breaches, [])
})

test('only the shim knows ffi', () => {
  const importers = sources.filter(({ imports }) => imports.some(({ specifier }) => specifier === 'ffi-rs'))
  assert.deepEqual(
    importers.map(({ path }) => path),
    ['src/kernel/shim.ts'],
  )
})

test('only the configuration loader reads the environment', () => {
  const readers = sources.filter(({ text }) => /\bprocess\.env\b|\benv\b[^'"\n]*from 'node:process'/.test(text))
  assert.deepEqual(
    readers.map(({ path }) => path),
    ['src/config/load.ts'],
  )
})

test('the parser of imports sees every form of import', () => {
  const source = [
    "import a from './a.ts'",
    "import type { B } from './b.ts'",
    "import {\n  c,\n  type D,\n} from './c.ts'",
    "import './e.ts'",
    "export { f } from './f.ts'",
    "const g = await import('./g.ts')",
  ].join('\n')
  assert.deepEqual(
    importsOf(source).map(({ specifier, isType }) => (isType ? `type ${specifier}` : specifier)),
    ['./a.ts', 'type ./b.ts', './c.ts', './e.ts', './f.ts', './g.ts'],
  )
})
