import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verdict } from '../../../support/asked.ts'
import { head } from '../build.ts'

const accepts = (value: string, header: string): boolean =>
  verdict({ headers: { accept: value } }, head('GET /', 'Accept', header)) === 'yes'

test('a media type is accepted by ranges that include it', () => {
  for (const header of [
    'application/json',
    'application/*',
    '*/*',
    'APPLICATION/JSON',
    'text/html, application/json;q=0.5',
  ]) {
    assert.ok(accepts('accept:application/json', header), header)
  }
  for (const header of ['text/html', 'text/*', '', 'json', '*/json', 'application/jsonp', 'application/json;q=0']) {
    assert.ok(!accepts('accept:application/json', header), header)
  }
})

test('the range that names the type most exactly counts, whatever its place', () => {
  assert.ok(!accepts('accept:text/html', '*/*, text/html;q=0'))
  assert.ok(!accepts('accept:text/html', 'text/html;q=0, */*'))
  assert.ok(!accepts('accept:text/html', 'text/*;q=0.0, */*;q=1'))
  assert.ok(accepts('accept:text/html', 'text/*;q=0, text/html;level=1;q=0.1'))
  assert.ok(accepts('accept:text/html', 'text/html;q=0, text/html'))
  assert.ok(accepts('accept:text/html', 'text/html;q=x'))
})

test('the prefix may be in any case, and parameters of the type do not count', () => {
  assert.ok(accepts('ACCEPT: text/html ', 'text/html'))
  assert.ok(accepts('accept:text/html;level=1', 'text/html;level=2'))
  assert.ok(accepts('accept:*/*', '*/*'))
  assert.ok(!accepts('accept:*/*', 'text/html'))
})

test('it can be negated, and asked of any name', () => {
  assert.ok(accepts('!accept:text/html', 'text/plain'))
  assert.ok(!accepts('!accept:text/html', 'text/*'))
  assert.equal(verdict({ queryStringParameters: { as: 'accept:text/html' } }, head('GET /?as=text/*')), 'yes')
})

test('what is no media type is accepted by nothing; nothing behind the prefix is text', () => {
  assert.ok(!accepts('accept:html', 'accept:html'))
  assert.ok(!accepts('accept:html', '*/*'))
  assert.ok(accepts('accept:', 'accept:'))
})
