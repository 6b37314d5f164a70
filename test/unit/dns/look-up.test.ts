import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from 'dns-packet'
import { composeQuery } from '../../../src/dns/answer.ts'
import { createLookUp } from '../../../src/dns/look-up.ts'
import type { Ask } from '../../../src/dns/pending.ts'
import { readQuestion, TYPE } from '../../../src/dns/question.ts'

const HOSTS = new Map([['db.test', '10.0.0.1']])

/** Resolvers that know these names by `NAME TYPE`; what they are asked is noted. */
const resolvers = (known: Readonly<Record<string, string>>) => {
  const asked: string[] = []
  const ask: Ask = (query, _question, _timeoutMs, done) => {
    const question = readQuestion(query)
    const type = question?.type === TYPE.AAAA ? 'AAAA' : 'A'
    const name = question?.name ?? ''
    asked.push(`${name} ${type}`)
    const data = known[`${name} ${type}`]
    const message = encode({
      type: 'response',
      id: 0,
      questions: [{ name, type }],
      answers: data === undefined ? [] : [{ name, type, data, ttl: 60 }],
    })
    done({ kind: 'answered', message, isLast: true })
  }
  return { ask, asked }
}

const lookUp = (ask: Ask, name: string, hasIpv6 = true) => {
  const said: { code?: string | undefined; message?: string; address?: string }[] = []
  createLookUp({ hosts: HOSTS, ask, hasIpv6, timeoutMs: 1 })(name, (error, address) => {
    said.push(error ? { code: error.code, message: error.message } : { address: address ?? '' })
  })
  assert.equal(said.length, 1)
  return said[0]
}

test('a name of the hosts file is asked of nobody', () => {
  const { ask, asked } = resolvers({})
  assert.deepEqual(lookUp(ask, 'DB.test.'), { address: '10.0.0.1' })
  assert.deepEqual(asked, [])
})

test('IPv4 is asked for first, and is enough', () => {
  const { ask, asked } = resolvers({ 'orders.test A': '10.0.0.2', 'orders.test AAAA': '2001:db8::2' })
  assert.deepEqual(lookUp(ask, 'orders.test'), { address: '10.0.0.2' })
  assert.deepEqual(asked, ['orders.test A'])
})

test('a name with an IPv6 address only is found where there is IPv6', () => {
  const known = { 'six.test AAAA': '2001:db8::6' }
  assert.deepEqual(lookUp(resolvers(known).ask, 'six.test'), { address: '2001:db8::6' })
  const { ask, asked } = resolvers(known)
  assert.equal(lookUp(ask, 'six.test', false)?.code, 'ENOTFOUND')
  assert.deepEqual(asked, ['six.test A'])
})

test('a name that nobody knows is an error that says so', () => {
  assert.deepEqual(lookUp(resolvers({}).ask, 'none.test'), {
    code: 'ENOTFOUND',
    message: 'none.test: no resolver of the command knows this name',
  })
})

test('resolvers that do not answer are told from a name that is not known', () => {
  const silent: Ask = (_query, _question, _timeoutMs, done) => done({ kind: 'failed', why: 'timeout' })
  assert.equal(lookUp(silent, 'orders.test')?.message, 'orders.test: no resolver of the command answers')
})

for (const name of ['', '.', 'a..b', `${'a'.repeat(64)}.test`, 'white space', `${'a.'.repeat(130)}test`, 'bücher.test'])
  test(`"${name.slice(0, 20)}" is no name to ask for`, () => {
    assert.equal(composeQuery(name, TYPE.A), undefined)
    assert.equal(lookUp(resolvers({}).ask, name)?.code, 'ENOTFOUND')
  })
