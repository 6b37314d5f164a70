import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sniffed } from '../../../src/intercept/sniff.ts'
import { sniff } from '../../../src/intercept/sniff.ts'

const of = (text: string): Sniffed => sniff(Buffer.from(text, 'latin1')).protocol

const CASES: readonly (readonly [situation: string, bytes: string, protocol: Sniffed])[] = [
  ['nothing yet', '', 'more'],
  ['a registered method and a space', 'GET ', 'http1'],
  ['a registered method before nonsense, for the head parser to refuse', 'DELETE \0\0', 'http1'],
  ['the newest registered method', 'QUERY ', 'http1'],
  ['an unregistered method in a whole request line', 'PURGE /x HTTP/1.1\r\n', 'http1'],
  ['an unregistered method, bare LF', 'M-SEARCH * HTTP/1.1\n', 'http1'],
  ['a lower-case method in a whole request line', 'get / HTTP/1.0\r\n', 'http1'],
  ['an unregistered method, line not ended', 'PURGE /x HTTP/1.1\r', 'more'],
  ['an unregistered method, version not complete', 'PURGE /x HTT', 'more'],
  ['an empty line before a request', '\r\nGET / HTTP/1.1\r\n', 'http1'],
  ['only an empty line', '\r\n', 'more'],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0', 'http2'],
  ['part of the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM', 'more'],
  ['a broken HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nXX', 'opaque'],
  ['a TLS client hello', '\x16\x03\x01\x02\0\x01', 'tls'],
  ['a TLS record of version 3.4', '\x16\x03\x04', 'tls'],
  ['one byte of TLS', '\x16', 'more'],
  ['two bytes of TLS', '\x16\x03', 'more'],
  ['a record of no TLS version', '\x16\x03\x05', 'opaque'],
  ['0x16 without TLS', '\x16\x02', 'opaque'],
  ['an SMTP greeting', 'EHLO x\r\n', 'opaque'],
  ['an SSH banner', 'SSH-2.0-OpenSSH_9.6\r\n', 'opaque'],
  ['a Redis command', '*1\r\n$4\r\nPING\r\n', 'opaque'],
  ['an inline Redis command', 'PING\r\n', 'opaque'],
  ['a STOMP frame', 'CONNECT\nhost:a\n\n\0', 'opaque'],
  ['a PostgreSQL start-up message', '\0\0\0\x08\x04\xd2\x16\x2f', 'opaque'],
  ['a space first', ' GET / HTTP/1.1\r\n', 'opaque'],
  ['a bare CR first', '\rGET / HTTP/1.1\r\n', 'opaque'],
  ['seventeen bytes of line ends', '\n'.repeat(17), 'opaque'],
  ['two spaces in the line', 'PURGE  /x HTTP/1.1\r\n', 'opaque'],
  ['a line that ends too early', 'PURGE /x\r\n', 'opaque'],
  ['a version of HTTP/2', 'PURGE /x HTTP/2.0\r\n', 'opaque'],
  ['a version of two digits', 'PURGE /x HTTP/1.10\r\n', 'opaque'],
  ['bytes after the version', 'PURGE /x HTTP/1.1 \r\n', 'opaque'],
  ['a CR without LF after the version', 'PURGE /x HTTP/1.1\rX', 'opaque'],
  ['a control in the target', 'PURGE /\x01 HTTP/1.1\r\n', 'opaque'],
  ['a method of 33 characters', 'A'.repeat(33), 'opaque'],
  ['an odd character in the method', 'PUR*GE /x HTTP/1.1\r\n', 'opaque'],
  ['an unregistered method and a line of 8 KiB', `PURGE /${'a'.repeat(8 * 1024)}`, 'opaque'],
]

for (const [situation, bytes, protocol] of CASES) {
  test(`${situation}: ${protocol}`, () => assert.equal(of(bytes), protocol))
}

test('the beginning of a registered method is worth waiting for', () => {
  for (const bytes of ['G', 'GET', '\r\nPO', 'PRI * HT', 'VERSION-']) {
    assert.deepEqual(sniff(Buffer.from(bytes)), { protocol: 'more', likelyHttp: true })
  }
})

test('the beginning of anything else is not', () => {
  for (const bytes of ['', '\r\n', 'EH', 'PURGE /x', '\x16\x03']) {
    assert.deepEqual(sniff(Buffer.from(bytes, 'latin1')), { protocol: 'more', likelyHttp: false })
  }
})
