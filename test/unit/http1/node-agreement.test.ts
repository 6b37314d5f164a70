import assert from 'node:assert/strict'
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { createBodyDecoder } from '../../../src/http1/body.ts'
import { parseRequestHead } from '../../../src/http1/head.ts'
import { DEFAULT_LIMITS } from '../../../src/http1/limits.ts'

/** What a reader made of a request: understood with these parts, or refused. */
type Reading = { readonly refused: true } | Understood
interface Understood {
  readonly refused: false
  readonly method: string
  readonly target: string
  readonly headers: readonly string[]
  readonly body: string
}

const HOST = 'Host: a.example\r\n'
const line = (text: string): string => `${text}\r\n${HOST}\r\n`
const field = (text: string): string => `GET / HTTP/1.1\r\n${HOST}${text}\r\n\r\n`
const body = (fields: string, bytes: string): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n${bytes}`
const chunked = (bytes: string): string => body('Transfer-Encoding: chunked', bytes)

/** Requests that both must read alike, or both refuse. */
const AGREED: Readonly<Record<string, string>> = {
  'a plain GET': line('GET / HTTP/1.1'),
  'a query': line('GET /a/b?c=d&e=f HTTP/1.1'),
  'HTTP/1.0 without Host': 'GET / HTTP/1.0\r\n\r\n',
  'an absolute-form target': line('GET http://b.example:81/x?y HTTP/1.1'),
  'OPTIONS *': line('OPTIONS * HTTP/1.1'),
  CONNECT: line('CONNECT b.example:443 HTTP/1.1'),
  'a raw pipe in the target': line('GET /a|b HTTP/1.1'),
  'an empty line before the request': `\r\n${line('GET / HTTP/1.1')}`,
  'a method of WebDAV': line('PROPFIND /dav HTTP/1.1'),
  'an empty Host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
  'an empty value': field('X-Empty:'),
  'a value with blanks around it': field('X-Padded: \t a b \t '),
  'a value beyond ASCII': field('X-Latin: caf\xe9'),
  'a repeated header': field('Cookie: a=1\r\nCookie: b=2'),
  'odd token characters in a name': field("X!#$%&'*+-.^_`|~9: 1"),
  'a body of known length': body('Content-Length: 5', 'hello'),
  'an empty body': body('Content-Length: 0', ''),
  'a chunked body': chunked('5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n'),
  'upper-case and zero-padded chunk sizes': chunked('00A\r\n0123456789\r\n0\r\n\r\n'),
  'a chunk extension': chunked('5;a=b;c="d e"\r\nhello\r\n0\r\n\r\n'),
  trailers: chunked('5\r\nhello\r\n0\r\nX-Sum: 9\r\n\r\n'),
  'chunked in capitals': body('Transfer-Encoding: CHUNKED', '0\r\n\r\n'),
  'no target': line('GET HTTP/1.1'),
  'a target without a slash': line('GET a HTTP/1.1'),
  'an invalid version': line('GET / HTTP/1'),
  'lower-case http': line('GET / http/1.1'),
  'HTTP/3.0': line('GET / HTTP/3.0'),
  'a space in the target': line('GET /a b HTTP/1.1'),
  'a control in the target': line('GET /a\x01b HTTP/1.1'),
  'a tab for a space': line('GET\t/ HTTP/1.1'),
  'bytes after the version': line('GET / HTTP/1.1 '),
  'no Host on HTTP/1.1': 'GET / HTTP/1.1\r\n\r\n',
  'whitespace before the colon': field('X-Space : 1'),
  'a space in a name': field('X Space: 1'),
  'no colon': field('X-Nothing'),
  'no name': field(': 1'),
  'an indented first line': `GET / HTTP/1.1\r\n Host: a\r\n\r\n`,
  'NUL in a value': field('X-Nul: a\0b'),
  'a control in a value': field('X-Ctl: a\x01b'),
  'DEL in a value': field('X-Del: a\x7fb'),
  'a bare CR in a value': field('X-Cr: a\rb'),
  'a bare CR before the end of a value': field('X-Cr: a\r'),
  'a bare CR in a name': field('X-\rCr: a'),
  'both lengths': body('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  'both lengths the other way round': body('Transfer-Encoding: chunked\r\nContent-Length: 5', '0\r\n\r\n'),
  'a negative length': body('Content-Length: -1', ''),
  'a signed length': body('Content-Length: +5', 'hello'),
  'a hexadecimal length': body('Content-Length: 0x5', 'hello'),
  'an empty length': body('Content-Length:', ''),
  'two lengths that differ': body('Content-Length: 5\r\nContent-Length: 6', 'hello!'),
  'a length of 2^64': body('Content-Length: 18446744073709551616', ''),
  'chunked not last': body('Transfer-Encoding: chunked, gzip', '0\r\n\r\n'),
  'an unknown transfer coding alone': body('Transfer-Encoding: xchunked', '0\r\n\r\n'),
  'a chunk size that is no number': chunked('g\r\n'),
  'an empty chunk size': chunked('\r\n'),
  'a chunk size with 0x': chunked('0x5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size with a sign': chunked('-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size beyond 64 bits': chunked('10000000000000000\r\n'),
  'a blank after a chunk size': chunked('5 \r\nhello\r\n0\r\n\r\n'),
  'a chunk longer than its size': chunked('4\r\nhello\r\n0\r\n\r\n'),
  'a bare LF after a chunk size': chunked('5\nhello\r\n0\r\n\r\n'),
  'a bare LF in a chunk extension': chunked('5;a\nhello\r\n0\r\n\r\n'),
  'a bare CR in a chunk extension': chunked('5;a\rb\r\nhello\r\n0\r\n\r\n'),
  'a bare LF after a chunk': chunked('5\r\nhello\n0\r\n\r\n'),
  'a trailer without a colon': chunked('0\r\nX-Nothing\r\n\r\n'),
  'a trailer with a bare LF': chunked('0\r\nX-Sum: 9\n\r\n'),
  'a folded header': field('X-Fold: a\r\n b'),
  'chunked twice': body('Transfer-Encoding: chunked, chunked', '0\r\n\r\n'),
  'chunked on two lines': body('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
  identity: body('Transfer-Encoding: identity', ''),
  'an empty transfer coding': body('Transfer-Encoding:', ''),
  'a length of 2^53': body('Content-Length: 9007199254740992', 'hello'),
  'DEL in the target': line('GET /\x7f HTTP/1.1'),
  'a bare LF before the request': `\n${line('GET / HTTP/1.1')}`,
  'a fragment in the target': line('GET /a#b HTTP/1.1'),
  'a target with another scheme': line('GET ftp://b.example/ HTTP/1.1'),
  'a control in a chunk extension': chunked('5;a\x01\r\nhello\r\n0\r\n\r\n'),
  'a blank before a chunk extension': chunked('5 ;a\r\nhello\r\n0\r\n\r\n'),
  'a folded trailer': chunked('0\r\nA: 3\r\n b\r\n\r\n'),
  'a header of 70 KB': field(`X-Long: ${'a'.repeat(70_000)}`),
  'a target of 70 KB': line(`GET /${'a'.repeat(70_000)} HTTP/1.1`),
  'an unknown expectation': body('Expect: a-pony\r\nContent-Length: 0', ''),
}

interface Difference {
  readonly request: string
  readonly why: string
}

/** Refused here, understood by Node. */
const STRICTER: Readonly<Record<string, Difference>> = {
  'a request line without a version': { request: line('GET /'), why: 'it is HTTP/0.9, which has no headers' },
  'HTTP/0.9': { request: line('GET / HTTP/0.9'), why: 'answered 505: it has no headers and no framing' },
  'HTTP/2.0': { request: line('GET / HTTP/2.0'), why: 'answered 505: it is not spoken in this syntax' },
  'two spaces after the method': { request: line('GET  / HTTP/1.1'), why: 'RFC 9112 3: a single space' },
  'two spaces before the version': { request: line('GET /  HTTP/1.1'), why: 'RFC 9112 3: a single space' },
  'a bare CR before the request': { request: `\r${line('GET / HTTP/1.1')}`, why: 'only whole line ends are skipped' },
  'twenty empty lines before the request': {
    request: `${'\r\n'.repeat(20)}${line('GET / HTTP/1.1')}`,
    why: 'the tolerance of RFC 9112 2.2 is bounded',
  },
  '* for a GET': { request: line('GET * HTTP/1.1'), why: 'RFC 9112 3.2.4: for OPTIONS' },
  'CONNECT without a port': { request: line('CONNECT a HTTP/1.1'), why: 'RFC 9110 9.3.6: no default port' },
  'CONNECT to a path': { request: line('CONNECT /a HTTP/1.1'), why: 'RFC 9112 3.2.3: authority-form' },
  'CONNECT with a body': {
    request: `CONNECT a:1 HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`,
    why: 'body and tunnel bytes could be mistaken for each other',
  },
  'userinfo in the target': { request: line('GET http://u:p@b/ HTTP/1.1'), why: 'RFC 9110 4.2.4: an error' },
  'two Host headers': { request: `GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, why: 'RFC 9112 3.2: must be refused' },
  'a blank in Host': {
    request: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n',
    why: 'RFC 9112 3.2: invalid values are refused',
  },
  'userinfo in Host': {
    request: 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n',
    why: 'RFC 9112 3.2: invalid values are refused',
  },
  'raw UTF-8 in Host': {
    request: 'GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n',
    why: 'RFC 9112 3.2: invalid values are refused',
  },
  'port 99999 in Host': { request: 'GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n', why: 'no such port' },
  'a transfer coding on HTTP/1.0': {
    request: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    why: 'RFC 9112 6.1: faulty framing',
  },
  'a coding before chunked': {
    request: body('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'),
    why: 'answered 501: nobody here would undo it',
  },
  'a chunk size of 17 digits': {
    request: chunked('00000000000000005\r\nhello\r\n0\r\n\r\n'),
    why: 'leading zeros are bounded',
  },
  'an expectation beside 100-continue': {
    request: body('Expect: 100-continue, a-pony\r\nContent-Length: 0', ''),
    why: 'the other one cannot be met',
  },
  '250 headers': {
    request: field(Array.from({ length: 250 }, (_, i) => `X-${i}: 1`).join('\r\n')),
    why: 'our limit is 200',
  },
}

/** Understood here, refused by Node. */
const LOOSER: Readonly<Record<string, Difference>> = {
  'HTTP/1.2': { request: line('GET / HTTP/1.2'), why: 'RFC 9110 2.5: read as the highest minor version known' },
  'an unregistered method': { request: line('FROB / HTTP/1.1'), why: 'methods are extensible; the upstream decides' },
  'a lower-case method': { request: line('get / HTTP/1.1'), why: 'a method of its own; the upstream decides' },
  'bare LF line ends': { request: 'GET / HTTP/1.1\nHost: a\n\n', why: 'RFC 9112 2.2 allows it in heads' },
  'a target beyond ASCII': { request: line('GET /\xff HTTP/1.1'), why: 'clients send raw UTF-8' },
  'the same length twice': {
    request: body('Content-Length: 5\r\nContent-Length: 5', 'hello'),
    why: 'RFC 9110 8.6 allows it',
  },
  'the same length as a list': { request: body('Content-Length: 5, 5', 'hello'), why: 'RFC 9110 8.6 allows it' },
  'a header of 20 KB': { request: field(`X-Long: ${'a'.repeat(20_000)}`), why: 'our limit is 64 KiB' },
  'a length in the trailers': {
    request: chunked('0\r\nContent-Length: 3\r\n\r\n'),
    why: 'RFC 9110 6.5.1: it is discarded',
  },
}

let server: Server
const heard = new Map<string, Understood>()

before(async () => {
  server = createServer()
  const hear = (request: IncomingMessage, text: string): void => {
    const { method = '', url = '', rawHeaders } = request
    heard.set(String(request.socket.remotePort), {
      refused: false,
      method,
      target: url,
      headers: rawHeaders,
      body: text,
    })
  }
  server.on('request', (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      hear(request, Buffer.concat(chunks).toString('latin1'))
      response.setHeader('connection', 'close').end()
    })
  })
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    hear(request, '')
    socket.end('HTTP/1.1 200 OK\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

after(() => server.close())

/** Node's reading: what its server made of the bytes, written at once and followed by the end of the stream. */
async function nodeReads(request: string): Promise<Reading> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await new Promise<void>((resolve) => socket.once('connect', resolve))
  const key = String(socket.localPort)
  heard.delete(key)
  socket.end(request, 'latin1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
  await new Promise<void>((resolve) => socket.once('close', () => resolve()).on('error', () => {}))
  const status = Number(answer.slice(9, 12))
  return status < 400 ? (heard.get(key) ?? { refused: true }) : { refused: true }
}

function weRead(request: string): Reading {
  const bytes = Buffer.from(request, 'latin1')
  const parsed = parseRequestHead(bytes, 0, DEFAULT_LIMITS)
  if (parsed.kind !== 'head') return { refused: true }
  const { head, framing, length } = parsed.request
  const chunks: Buffer[] = []
  const { state } = createBodyDecoder(framing, (chunk) => chunks.push(chunk), DEFAULT_LIMITS).feed(bytes, length)
  if (state !== 'done') return { refused: true }
  const { method, target, headers } = head
  return { refused: false, method, target, headers, body: Buffer.concat(chunks).toString('latin1') }
}

for (const [name, request] of Object.entries(AGREED)) {
  test(`Node's parser and ours agree on ${name}`, async () => {
    assert.deepEqual(weRead(request), await nodeReads(request))
  })
}

for (const [name, { request, why }] of Object.entries(STRICTER)) {
  test(`${name} is refused although Node takes it: ${why}`, async () => {
    assert.equal(weRead(request).refused, true)
    assert.equal((await nodeReads(request)).refused, false)
  })
}

for (const [name, { request, why }] of Object.entries(LOOSER)) {
  test(`${name} is understood although Node refuses it: ${why}`, async () => {
    assert.equal(weRead(request).refused, false)
    assert.equal((await nodeReads(request)).refused, true)
  })
}
