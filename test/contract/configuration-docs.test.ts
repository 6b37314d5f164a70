import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { CONFIGURATION_DOC, configurationDoc } from '../../scripts/generate-docs.ts'
import { Config } from '../../src/config/schema.ts'

test('docs/configuration.md is what the schema generates', () => {
  assert.equal(readFileSync(CONFIGURATION_DOC, 'utf8'), configurationDoc(), 'run: npm run docs')
})

test('the generated page has one row for every key', () => {
  const text = configurationDoc()
  for (const key of Object.keys(Config.shape)) assert.match(text, new RegExp(`^\\| \`${key}\` \\|`, 'm'))
  assert.doesNotMatch(text, /undefined|\[object/)
})
