import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ANNOTATIONS_DOC, annotationsDoc } from '../../scripts/annotations-doc.ts'
import { readAnnotations } from '../../src/config/annotations.ts'
import { MAX_EXCLUDED_RANGES } from '../../src/config/excluded-ranges.ts'
import { type AnnotationDoc, PodAnnotations } from '../../src/config/pod-policy-schema.ts'
import { MAX_PORT_RANGES } from '../../src/kernel/layout.ts'

const documented = Object.entries(PodAnnotations.shape).map(([key, schema]) => {
  return [key, schema.meta() as unknown as AnnotationDoc] as const
})

test('docs/annotations.md is what the schema generates', () => {
  assert.equal(readFileSync(ANNOTATIONS_DOC, 'utf8'), annotationsDoc(), 'run: npm run docs')
})

test('the generated page has one row for every annotation', () => {
  const text = annotationsDoc()
  for (const key of Object.keys(PodAnnotations.shape)) assert.match(text, new RegExp(`^\\| \`${key}\` \\|`, 'm'))
  assert.doesNotMatch(text, /undefined|\[object/)
})

for (const [key, { example }] of documented) {
  test(`the example of ${key} is of that key, and is accepted`, () => {
    const [, name = '', value = ''] = /^([\w-]+): "?([^"]+)"?$/.exec(example) ?? []
    assert.equal(name, key)
    const { policy, problems, unknown } = readAnnotations({ [name]: value })
    assert.ok(policy)
    assert.deepEqual([...problems, ...unknown], [])
  })
}

test('the page and the kernel agree on how many ranges of ports there is room for', () => {
  assert.equal(MAX_EXCLUDED_RANGES, MAX_PORT_RANGES)
})
