import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { loadCaFile } from '../../../src/config/ca-file.ts'
import { createAuthority } from '../../support/certificates.ts'

const written = (t: TestContext, text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'understudy-ca-'))
  t.after(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'ca.pem'), text)
  return join(folder, 'ca.pem')
}

test('no file means no certificates', () => assert.equal(loadCaFile(''), ''))

test('certificates are taken out of a file with other text in it', (t) => {
  const { cert } = createAuthority(t)
  assert.equal(loadCaFile(written(t, `# ours\n${cert}\n# again\n${cert}`)), `${cert.trim()}\n${cert.trim()}`)
})

test('a file without a certificate, with a broken one, or that is not there is refused by name', (t) => {
  assert.throws(() => loadCaFile(written(t, 'hello')), { code: 'BAD_CONFIG', message: /ca\.pem has no certificate/ })
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  assert.throws(() => loadCaFile(written(t, broken)), { code: 'BAD_CONFIG', message: /cannot be read/ })
  assert.throws(() => loadCaFile('/nowhere/ca.pem'), { code: 'FILE_UNREADABLE' })
})
