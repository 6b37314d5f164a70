/** The rights that the chart gives the agent are enough to load, attach, enter a network namespace and intercept. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cgroup2Mount, requireKernel } from '../support/lab.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TIMEOUT_MS = 60_000
const NAME = `understudy-rights-${process.pid}`

/** Those of the template that need no value to be set. */
const granted = (): string[] => {
  const template = readFileSync(join(ROOT, 'charts/understudy/templates/daemonset.yaml'), 'utf8')
  return [...template.matchAll(/^ {16}- ([A-Z_]+) #/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'SYS_RESOURCE')
}

/** `understudy run` in a network namespace of its own, with root's other rights taken away. */
const runWith = (capabilities: readonly string[], cgroup: string) => {
  const set = ['-all', ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(',')
  const command = `./bin/understudy run --expectations examples/mock.yaml --netns ${NAME} -- curl -s http://10.200.0.2/orders/7`
  // The cgroup is the shell's, as kubelet makes that of a container: folders above are not the agent's to write.
  const script = `echo $$ > ${cgroup}/cgroup.procs && exec setpriv --bounding-set=${set} --inh-caps=${set} -- ${command}`
  return spawnSync('sh', ['-c', script], { cwd: ROOT, encoding: 'utf8', timeout: TIMEOUT_MS })
}

describe('the capabilities of the chart', { skip: requireKernel() }, () => {
  let cgroup = ''

  before(() => {
    cgroup = join(cgroup2Mount() ?? '', NAME)
    mkdirSync(cgroup)
    assert.equal(spawnSync('ip', ['netns', 'add', NAME]).status, 0)
    spawnSync('ip', ['-n', NAME, 'link', 'set', 'lo', 'up'])
    spawnSync('ip', ['-n', NAME, 'route', 'add', 'default', 'dev', 'lo'])
  })
  after(() => {
    spawnSync('ip', ['netns', 'del', NAME])
    rmdirSync(cgroup)
  })

  test('are enough to intercept a command in another network namespace', () => {
    const { status, stdout, stderr } = runWith(granted(), cgroup)
    assert.equal(status, 0, stderr)
    assert.match(stdout, /"from" : "understudy"/)
  })

  test('are not more than that: without SYS_ADMIN there is no other namespace', () => {
    const { status } = runWith(
      granted().filter((name) => name !== 'SYS_ADMIN'),
      cgroup,
    )
    assert.notEqual(status, 0)
  })
})
