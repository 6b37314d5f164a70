/** Trees of cgroups as nodes have them, recorded as lists of paths and made of plain folders: inode numbers are real. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** The pods of every recorded tree; the last is a static one, named after the hash of its file. */
export const RECORDED_PODS = {
  burstable: '0f2b4c1e-7a55-4c1b-9d0e-3a1f5b6c7d01',
  besteffort: '5d1e0b7a-2c94-4a6f-8b3d-91e2f0a4c602',
  guaranteed: 'c83a9f10-6b2d-4e75-a1c4-7d5e2b8f0903',
  static: '6f1b2c3d4e5f60718293a4b5c6d7e8f9',
} as const

/** The container that a node in a container is. */
const NODE = '7232fa5b7fe3f027d56d3feba41858ad7e5841fa3432d4b5b9f98c0186b6abbb'

/** Layout → the folder of all pods, from the tree's root. */
export const LAYOUTS = {
  'cgroupfs-containerd': 'kubepods',
  'systemd-containerd': 'kubepods.slice',
  'systemd-crio': 'kubepods.slice',
  'cgroupfs-crio': 'kubepods',
  'systemd-docker': 'kubepods.slice',
  k3s: 'kubepods',
  kind: `system.slice/docker-${NODE}.scope/kubelet.slice/kubelet-kubepods.slice`,
  'kind-node': 'kubelet.slice/kubelet-kubepods.slice',
  'docker-in-docker': `docker/${NODE}/kubepods`,
  nested: 'fleet/edge/kubepods',
} as const

export const pathsOf = (layout: string): string[] =>
  readFileSync(new URL(`../fixtures/cgroups/${layout}.txt`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))

/** A folder of its own with the given paths below it, which goes with the test. */
export const makeTree = (context: Pick<TestContext, 'after'>, paths: readonly string[]): string => {
  const root = mkdtempSync(join(tmpdir(), 'understudy-cgroups-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  for (const path of paths) mkdirSync(join(root, path), { recursive: true })
  return root
}
