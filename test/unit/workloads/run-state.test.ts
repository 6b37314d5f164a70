import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { UnderstudyError } from '../../../src/errors.ts'
import { createRunCgroup, type RunCgroup } from '../../../src/workloads/cgroup.ts'
import { type Remains, recordRun, type StateFolders, type SweepPorts, sweep } from '../../../src/workloads/run-state.ts'

interface Scene {
  readonly folders: StateFolders
  readonly parent: string
  /** Locks as the kernel keeps them: a dead process holds none. */
  readonly ports: SweepPorts
  /** A run with all that it makes. */
  begin(id: string): RunCgroup
  /** Its process is gone. */
  die(id: string): void
}

const scene = (context: TestContext): Scene => {
  const base = mkdtempSync(join(tmpdir(), 'understudy-state-'))
  context.after(() => rmSync(base, { recursive: true, force: true }))
  const folders = { state: join(base, 'state'), pins: join(base, 'pins') }
  const parent = join(base, 'cgroup')
  mkdirSync(parent)
  const held = new Map<string, number>()
  const ports: SweepPorts = {
    removeRoutes: async () => ['routes'],
    removeRemains: ({ netnsPath }) => [`filters in ${netnsPath}`],
    lock: (path) => {
      if (held.has(path)) return -11
      const fd = openSync(path, 'a', 0o600)
      held.set(path, fd)
      return fd
    },
    unlock: (fd) => {
      closeSync(fd)
      for (const [path, other] of held) if (other === fd) held.delete(path)
    },
    removeRules: async (rules) => [`rules ${JSON.stringify(rules)}`],
  }
  return {
    folders,
    parent,
    ports,
    begin: (id) => {
      const state = recordRun(id, parent, ports, folders)
      mkdirSync(state.pins, { recursive: true })
      writeFileSync(join(state.pins, 'orig_dst'), '')
      return createRunCgroup(id, parent)
    },
    die: (id) => {
      const path = join(folders.state, `${id}.lock`)
      ports.unlock(held.get(path) ?? -1)
    },
  }
}

const everything = ({ folders, parent }: Scene): string[] =>
  [folders.state, folders.pins, parent].flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []))

test('a run that has ended is forgotten', async (context) => {
  const at = scene(context)
  recordRun('1-a', at.parent, at.ports, at.folders).remove()
  assert.deepEqual(everything(at), [])
  assert.deepEqual(await sweep(at.ports, at.folders), [])
})

test('all that a dead run has left is removed and named', async (context) => {
  const at = scene(context)
  at.begin('1-a')
  at.die('1-a')
  const [swept] = await sweep(at.ports, at.folders)
  assert.deepEqual(swept, {
    id: '1-a',
    removed: [
      `pin ${at.folders.pins}/1-a/orig_dst`,
      `folder ${at.folders.pins}/1-a`,
      `cgroup ${at.parent}/understudy-1-a`,
    ],
  })
  assert.deepEqual(everything(at), [])
})

test('a living run is not touched', async (context) => {
  const at = scene(context)
  at.begin('1-a')
  const before = everything(at)
  assert.deepEqual(await sweep(at.ports, at.folders), [])
  assert.deepEqual(everything(at), before)
})

test('the cgroup of a dead run whose command lives is kept, and swept later', async (context) => {
  const at = scene(context)
  const { workload } = at.begin('1-a')
  writeFileSync(join(workload, 'cgroup.procs'), '4711\n')
  at.die('1-a')
  const [first] = await sweep(at.ports, at.folders)
  assert.match(first?.kept ?? '', /still runs \(pid 4711\)/)
  assert.ok(existsSync(workload))
  rmSync(join(workload, 'cgroup.procs'))
  const [second] = await sweep(at.ports, at.folders)
  assert.deepEqual(second?.removed, [`cgroup ${at.parent}/understudy-1-a`])
  assert.deepEqual(await sweep(at.ports, at.folders), [])
})

test('a cgroup that the kernel still holds is kept for a later sweep', async (context) => {
  const at = scene(context)
  const { listener } = at.begin('1-a')
  writeFileSync(join(listener, 'cgroup.events'), '')
  at.die('1-a')
  assert.match((await sweep(at.ports, at.folders))[0]?.kept ?? '', /still holds its cgroup/)
  assert.ok(existsSync(join(at.folders.state, '1-a.json')))
})

test('rules that a dead run has noted are removed, once, also while its command lives', async (context) => {
  const at = scene(context)
  const state = recordRun('1-a', at.parent, at.ports, at.folders)
  const { workload } = createRunCgroup('1-a', at.parent)
  state.noteRules({ slot: 3 })
  assert.equal(state.hasRules(), true)
  writeFileSync(join(workload, 'cgroup.procs'), '4711\n')
  at.die('1-a')
  const [first] = await sweep(at.ports, at.folders)
  assert.deepEqual(first?.removed, ['rules {"slot":3}'])
  assert.match(first?.kept ?? '', /still runs/)
  const [second] = await sweep(at.ports, at.folders)
  assert.deepEqual(second?.removed, [])
})

test('rules that cannot be removed are kept for the next sweep', async (context) => {
  const at = scene(context)
  recordRun('1-a', at.parent, at.ports, at.folders).noteRules({ slot: 3 })
  at.die('1-a')
  const failing: SweepPorts = {
    ...at.ports,
    removeRules: async () => {
      throw new Error('iptables is gone')
    },
  }
  assert.equal((await sweep(failing, at.folders))[0]?.kept, 'iptables is gone')
  assert.deepEqual((await sweep(at.ports, at.folders))[0]?.removed, ['rules {"slot":3}'])
})

test('a run without rules any more has none to remove', async (context) => {
  const at = scene(context)
  const state = recordRun('1-a', at.parent, at.ports, at.folders)
  state.noteRules({ slot: 3 })
  state.noteRules(undefined)
  assert.equal(state.hasRules(), false)
  at.die('1-a')
  assert.deepEqual((await sweep(at.ports, at.folders))[0]?.removed, [])
})

test('a lock file with nothing beside it goes without a word', async (context) => {
  const at = scene(context)
  mkdirSync(at.folders.state)
  writeFileSync(join(at.folders.state, '1-a.lock'), '')
  assert.deepEqual(await sweep(at.ports, at.folders), [])
  assert.deepEqual(everything(at), [])
})

test('a state file that another version wrote is kept and named', async (context) => {
  const at = scene(context)
  mkdirSync(at.folders.state)
  writeFileSync(join(at.folders.state, '1-a.lock'), '')
  writeFileSync(join(at.folders.state, '1-a.json'), '{"id": "../../etc", "cgroupParent": "/"}')
  assert.match((await sweep(at.ports, at.folders))[0]?.kept ?? '', /1-a\.json is not a state file of this version/)
})

test('one run that cannot be swept does not keep the others', async (context) => {
  const at = scene(context)
  for (const id of ['1-a', '2-b']) at.begin(id)
  mkdirSync(join(at.folders.pins, '1-a', 'strange-folder'))
  for (const id of ['1-a', '2-b']) at.die(id)
  const [first, second] = await sweep(at.ports, at.folders)
  assert.match(first?.kept ?? '', /strange-folder/)
  assert.deepEqual([second?.id, second?.kept], ['2-b', undefined])
})

test('a start whose lock file is swept between its making and its locking makes another', (context) => {
  const at = scene(context)
  let sweeps = 3
  const ports: SweepPorts = {
    ...at.ports,
    lock: (path) => {
      const fd = at.ports.lock(path)
      if (sweeps-- > 0) rmSync(path)
      return fd
    },
  }
  const state = recordRun('1-a', at.parent, ports, at.folders)
  assert.ok(existsSync(join(at.folders.state, '1-a.lock')))
  state.remove()
  assert.deepEqual(everything(at), [])
})

test('a state folder that cannot be made is an error for the user', (context) => {
  const at = scene(context)
  const folders = { ...at.folders, state: join(at.folders.state, 'below/nothing') }
  assert.throws(
    () => recordRun('1-a', at.parent, at.ports, folders),
    (error) => error instanceof UnderstudyError && error.code === 'FILE_UNWRITABLE' && error.message.includes('ENOENT'),
  )
})

const REMAINS: Remains = {
  netnsPath: '/run/netns/pod',
  netnsInode: '4026532001',
  ifindex: 2,
  programIds: [11, 12],
  madeQdisc: true,
}

test('filters that a dead run has written down are removed, even while its command lives', async (context) => {
  const at = scene(context)
  const state = recordRun('1-a', at.parent, at.ports, at.folders)
  const { workload } = createRunCgroup('1-a', at.parent)
  writeFileSync(join(workload, 'cgroup.procs'), '4711\n')
  state.leaves([REMAINS])
  at.die('1-a')
  const asked: Remains[] = []
  const ports = { ...at.ports, removeRemains: (remains: Remains) => [`filter ${asked.push(remains)}`] }
  const [swept] = await sweep(ports, at.folders)
  assert.deepEqual(asked, [REMAINS])
  assert.deepEqual(swept?.removed, ['filter 1'])
  assert.match(swept?.kept ?? '', /still runs/)
})

test('what has been taken back in time is not swept', async (context) => {
  const at = scene(context)
  const state = recordRun('1-a', at.parent, at.ports, at.folders)
  state.leaves([REMAINS])
  state.leaves([])
  writeFileSync(join(at.folders.state, '1-a.json.new'), 'half of a') // killed while it wrote
  at.die('1-a')
  assert.deepEqual((await sweep(at.ports, at.folders))[0]?.removed, [])
  assert.deepEqual(everything(at), [])
})

test('routes that a dead run has written down are removed once, with what it wrote last', async (context) => {
  const at = scene(context)
  const state = recordRun('1-a', at.parent, at.ports, at.folders)
  const { workload } = createRunCgroup('1-a', at.parent)
  writeFileSync(join(workload, 'cgroup.procs'), '4711\n')
  state.noteRoutes({ slot: 1 })
  state.noteRoutes({ slot: 2 })
  state.leaves([])
  at.die('1-a')
  const asked: unknown[] = []
  const ports = { ...at.ports, removeRoutes: async (routes: unknown) => [`routes ${asked.push(routes)}`] }
  assert.deepEqual((await sweep(ports, at.folders))[0]?.removed, ['routes 1'])
  assert.deepEqual(asked, [{ slot: 2 }])
  await sweep(ports, at.folders)
  assert.equal(asked.length, 1)
})
