/**
 * Where tests start `understudy` itself: in a lab's app namespace, with a real server in its world, and with folders
 * for state and pins of their own, so that other runs on this machine neither see nor sweep these.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serveWorld } from './client.ts'
import { type Finished, fixture, type Lab, labTest, NET, type Place, type Started } from './lab.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const UNDERSTUDY = join(ROOT, 'bin/understudy')
/** What the server in the world is asked at. */
export const WORLD4 = `http://${NET.world4}`
export const WORLD6 = `http://[${NET.world6}]`

export type Env = Readonly<Record<string, string>>

export interface Options {
  readonly env?: Env
  /** Where understudy itself runs; `app` unless told. */
  readonly place?: Place
  /** On a terminal of its own; then stdin takes what is typed, in hex. */
  readonly terminal?: true
  /** Shell commands that change what understudy finds, in a mount namespace of its own. */
  readonly before?: string
}

export interface Stage {
  readonly lab: Lab
  /** Runs `understudy ARGS` to its end. */
  understudy(args: readonly string[], options?: Options): Promise<Finished>
  /** Starts `understudy ARGS`; its pid is understudy's own, except on a terminal. */
  start(args: readonly string[], options?: Options): Started
  /** Runs a program that runs understudy, with the same folders. */
  run(argv: readonly string[]): Promise<Finished>
  /** Everything on this machine that belongs to the run of understudy's `pid`. */
  traces(pid: number): string[]
  /** The folders of the cgroup that a run of that pid has made. */
  cgroupOf(pid: number): { readonly tree: string; readonly workload: string }
  /** A folder of the test's own that any user may enter. */
  folder(context: TestContext): string
  /** Writes an expectations file that answers every request for `path` with `body`; returns its name. */
  mock(context: TestContext, path: string, body: string): string
}

/** A mount namespace with empty folders for state and pins; lives as long as the lab. */
const PRIVATE_FOLDERS = [
  'mkdir -p /run/understudy',
  'mount -t tmpfs -o mode=700 none /run/understudy',
  'mount -t bpf none /sys/fs/bpf',
  'echo ready',
  'exec cat',
].join(' && ')

const PRIVATE_MOUNTS = ['--mount', '--propagation', 'private']

const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const openStage = async (lab: Lab): Promise<Stage> => {
  const holder = lab.start('app', ['unshare', ...PRIVATE_MOUNTS, 'sh', '-c', PRIVATE_FOLDERS])
  await holder.said('ready')
  await serveWorld(lab, [80])
  const root = `/proc/${holder.pid}/root`
  const outside = join(dirname(lab.cgroups.tree), 'outside')
  const folder: Stage['folder'] = (context) => {
    const path = mkdtempSync(join(tmpdir(), 'understudy-run-'))
    context.after(() => rmSync(path, { recursive: true }))
    return path
  }
  // setsid: with the terminal of whoever runs the tests, a signal would count as typed on its keyboard.
  const inside = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`]
  const argv = (args: readonly string[], { env = {}, terminal, before }: Options): string[] => [
    ...inside,
    ...(before === undefined ? [] : ['unshare', ...PRIVATE_MOUNTS, 'sh', '-ec', `${before}\nexec "$@"`, 'sh']),
    ...(terminal ? ['python3', '-S', '-E', fixture('terminal.py')] : ['setsid']),
    ...['env', '-u', 'NODE_TEST_CONTEXT', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
    ...[UNDERSTUDY, ...args],
  ]
  return {
    lab,
    understudy: (args, options = {}) => lab.run(options.place ?? 'app', argv(args, options), outside),
    start: (args, options = {}) => lab.start(options.place ?? 'app', argv(args, options), outside),
    run: (program) => lab.run('app', [...inside, ...program], outside),
    traces: (pid) =>
      [outside, `${root}/run/understudy`, `${root}/sys/fs/bpf/understudy`].flatMap((place) => {
        const own = namesIn(place).filter((name) => new RegExp(`^(understudy-)?${pid}-`).test(name))
        return own.map((name) => join(place, name))
      }),
    cgroupOf: (pid) => {
      const name = namesIn(outside).find((each) => each.startsWith(`understudy-${pid}-`)) ?? 'none'
      return { tree: join(outside, name), workload: join(outside, name, 'workload') }
    },
    folder,
    mock: (context, path, body) => {
      const file = join(folder(context), 'mock.json')
      writeFileSync(file, JSON.stringify([{ id: body, httpRequest: { path }, httpResponse: { body } }]))
      return file
    },
  }
}

/** `test` for tests that start understudy; they share a stage. */
export const stageTest = (name: string) => {
  const kernelTest = labTest(name)
  let stage: Promise<Stage> | undefined
  return (situation: string, body: (stage: Stage, context: TestContext) => Promise<void>): void =>
    kernelTest(situation, async (lab, context) => {
      stage ??= openStage(lab)
      await body(await stage, context)
    })
}

/** Asks until it is so; the kernel and other processes take a moment. Throws after ten seconds. */
export const eventually = async (what: string, isSo: () => boolean): Promise<void> => {
  const deadline = Date.now() + 10_000
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`after ten seconds still not so: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/**
 * Kills understudy alone, as nobody could prevent, and waits until the kernel has closed what it had open: that is when
 * the last of its threads is gone, which may be after the first one is a zombie.
 */
export const killHard = async (started: Started): Promise<void> => {
  started.kill('SIGKILL')
  await eventually('understudy is dead', () => !existsSync(`/proc/${started.pid}`))
}

/** What bpftool says; undefined where it says that there is no such thing. Throws where it cannot be run. */
const bpftool = (...argv: string[]): unknown => {
  const env = { PATH: `/usr/sbin:${process.env['PATH'] ?? ''}` }
  const { error, status, stdout } = spawnSync('bpftool', ['-j', ...argv], { encoding: 'utf8', env })
  if (error) throw error
  if (status !== 0) return undefined
  return stdout.trim() === '' ? [] : JSON.parse(stdout)
}

export interface Loaded {
  readonly programs: readonly number[]
  readonly maps: readonly number[]
}

/** Kernel ids of what is attached to the cgroups of a run, and of the maps of those programs. */
export const loadedBy = ({ tree, workload }: { readonly tree: string; readonly workload: string }): Loaded => {
  const programs = [tree, workload].flatMap((folder) =>
    ((bpftool('cgroup', 'show', folder) ?? []) as { id: number }[]).map(({ id }) => id),
  )
  const maps = programs.flatMap((id) => {
    const shown = bpftool('prog', 'show', 'id', `${id}`) as { map_ids?: number[] } | undefined
    return shown?.map_ids ?? []
  })
  return { programs, maps: [...new Set(maps)] }
}

/** Those of them that the kernel still has. */
export const stillLoaded = ({ programs, maps }: Loaded): string[] => [
  ...programs.filter((id) => bpftool('prog', 'show', 'id', `${id}`)).map((id) => `program ${id}`),
  ...maps.filter((id) => bpftool('map', 'show', 'id', `${id}`)).map((id) => `map ${id}`),
]
