import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesUnder, read } from './tree.ts'

const TEXT = /(\.(ts|c|h|sh|md|json|yaml|yml)|^(Makefile|Dockerfile|LICENSE|understudy|run)|^\.[a-z-]+)$/
/** Places of one machine; put together so that this file does not contain them. */
const ELSEWHERE = [['..', 'shared'].join('/'), ['', 'work', ''].join('/')]

/** Folder → licence of every C file in it: BPF programs run in the kernel, the shim in our process. */
const LICENCES: Readonly<Record<string, string>> = {
  bpf: 'GPL-2.0-only OR BSD-2-Clause',
  native: 'Apache-2.0',
}

test('no file points outside the repository', () => {
  const pointing = filesUnder('', TEXT).filter((path) => ELSEWHERE.some((place) => read(path).includes(place)))
  assert.deepEqual(pointing, [])
})

for (const [folder, licence] of Object.entries(LICENCES)) {
  test(`every C file of ${folder} says its licence in the first line`, () => {
    const silent = filesUnder(folder, /\.[ch]$/).filter((path) => {
      return !read(path).split('\n', 1)[0]?.includes(`SPDX-License-Identifier: ${licence}`)
    })
    assert.deepEqual(silent, [])
  })
}

test('a trick for the verifier says what the verifier complains of', () => {
  const bare = filesUnder('bpf', /\.[ch]$/).flatMap((path) => {
    const lines = read(path).split('\n')
    return lines.flatMap((line, index) => {
      const isTrick = /^\t+volatile\b|\basm\b/.test(line) && !line.trimStart().startsWith('/*')
      const above = lines.slice(Math.max(0, index - 6), index).join('\n')
      return isTrick && !above.includes('verifier:') ? [`${path}:${index + 1}`] : []
    })
  })
  assert.deepEqual(bare, [])
})
