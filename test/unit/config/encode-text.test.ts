import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeText } from '../../../src/config/encode-text.ts'

const hex = (text: string, contentType?: string): string => {
  const encoded = encodeText(text, contentType)
  return 'bytes' in encoded ? encoded.bytes.toString('hex') : encoded.problem
}

test('text is UTF-8 unless its content type says something else', () => {
  assert.equal(hex('é'), 'c3a9')
  assert.equal(hex('é', 'text/plain'), 'c3a9')
  assert.equal(hex('é', 'text/plain; charset="UTF-8"'), 'c3a9')
})

test('text is written in the charset that its content type names', () => {
  assert.equal(hex('é', 'text/plain; charset=ISO-8859-1'), 'e9')
  assert.equal(hex('aé', 'text/plain;charset=utf-16'), '006100e9')
  assert.equal(hex('aé', 'text/plain; charset=utf-16le; x=y'), '6100e900')
})

test('text that a charset cannot hold, or that we cannot write in it, is refused', () => {
  assert.equal(hex('€', 'text/plain; charset=iso-8859-1'), 'the text has characters that iso-8859-1 has not')
  assert.equal(hex('é', 'text/plain; charset=shift_jis'), 'text in shift_jis is not supported; give base64Bytes')
  assert.equal(hex('é', 'text/plain; charset=us-ascii'), 'text in us-ascii is not supported; give base64Bytes')
})

test('plain ASCII is the same in every charset that has it', () => {
  assert.equal(hex('ab', 'text/plain; charset=shift_jis'), '6162')
})
