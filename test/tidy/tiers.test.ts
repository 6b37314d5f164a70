/** `node --test` with a pattern that matches no file runs nothing and succeeds; so the patterns are tested. */
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { test } from 'node:test'
import { filesUnder, ROOT, read } from './tree.ts'

/** Script → its pattern: `test:unit` runs `test/unit/**\/*.test.ts`. */
const scripts = Object.entries((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
const patterns = new Map(
  scripts
    .filter(([name]) => name.startsWith('test:'))
    .map(([name, command]) => [name, /node --test .*'(.+)'$/.exec(command)?.[1] ?? '']),
)
const matched = (name: string): string[] => globSync(patterns.get(name) ?? '', { cwd: ROOT }).sort()

test('every script that runs tests finds some', () => {
  assert.ok(patterns.size > 0)
  assert.deepEqual(
    [...patterns.keys()].filter((name) => matched(name).length === 0),
    [],
  )
})

/** Tests that need what not every machine may fetch: only run by name. */
const isOptIn = (path: string): boolean => path.startsWith('test/optin/')

test('every test file is run by its own tier, and once by the three that run everything, but for those by name', () => {
  const tests = filesUnder('test', /\.test\.ts$/)
  const tiers = [...patterns.keys()].filter((name) => name !== 'test:quick')
  assert.deepEqual(tiers.flatMap(matched).sort(), tests)
  const asked = tests.filter((path) => !isOptIn(path))
  const everything = ['test:quick', 'test:chart', 'test:kernel', 'test:mini-node'].flatMap(matched)
  assert.deepEqual(everything.sort(), asked)
})
