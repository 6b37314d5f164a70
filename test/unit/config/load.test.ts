import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ENV_NAMES, loadConfig } from '../../../src/config/load.ts'
import { Config, defaultConfig } from '../../../src/config/schema.ts'
import { UnderstudyError } from '../../../src/errors.ts'

function fileWith(context: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'load-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'u.yaml')
  writeFileSync(path, text)
  return path
}

function linesOf(options: Parameters<typeof loadConfig>[0]): string[] {
  try {
    loadConfig(options)
  } catch (error) {
    assert.ok(error instanceof UnderstudyError, String(error))
    assert.equal(error.code, 'BAD_CONFIG')
    return error.message.split('\n')
  }
  assert.fail('nothing was thrown')
}

test('with nothing set, every setting has its default', () => {
  const { config, warnings } = loadConfig({ env: {} })
  assert.deepEqual(config, defaultConfig())
  assert.deepEqual(warnings, [])
  assert.equal(config.onUnmatched, 'forward')
  assert.equal(config.failMode, 'open')
  assert.equal(config.ringBytes, 1_048_576)
})

test('the file wins over defaults and the environment over the file', (context) => {
  const path = fileWith(context, 'adminPort: 1000\nmaxHeaders: 50\n')
  const { config } = loadConfig({ path, env: { UNDERSTUDY_ADMIN_PORT: '2000' } })
  assert.equal(config.adminPort, 2000)
  assert.equal(config.maxHeaders, 50)
  assert.equal(config.listenPort, 0)
})

test('the environment holds numbers, switches, words and comma separated lists', () => {
  const { config } = loadConfig({
    env: {
      UNDERSTUDY_LISTEN_PORT: '15001',
      UNDERSTUDY_ADMIN_ENABLED: 'false',
      UNDERSTUDY_INTERCEPT_LOOPBACK: 'true',
      UNDERSTUDY_ON_UNMATCHED: 'refuse',
      UNDERSTUDY_EXCLUDE_PORTS: '5432, 8000-8100,',
      UNDERSTUDY_EXCLUDE_CIDRS: '10.0.0.0/8,fd00::/8,::1',
    },
  })
  assert.equal(config.listenPort, 15001)
  assert.equal(config.adminEnabled, false)
  assert.equal(config.interceptLoopback, true)
  assert.equal(config.onUnmatched, 'refuse')
  assert.deepEqual(config.excludePorts, [
    { from: 5432, to: 5432 },
    { from: 8000, to: 8100 },
  ])
  assert.deepEqual(config.excludeCidrs, [
    { address: '10.0.0.0', prefix: 8 },
    { address: 'fd00::', prefix: 8 },
    { address: '::1', prefix: 128 },
  ])
})

test('the networks of reserved addresses are read, and have defaults', () => {
  const { dnsReserved4, dnsReserved6 } = loadConfig({ env: { UNDERSTUDY_DNS_RESERVED4: '240.9.0.0/24' } }).config
  assert.deepEqual(dnsReserved4, { address: '240.9.0.0', prefix: 24 })
  assert.deepEqual(dnsReserved6, { address: '2001:2:0:1::', prefix: 64 })
})

test('an empty environment value counts as not set', () => {
  assert.equal(loadConfig({ env: { UNDERSTUDY_ADMIN_PORT: ' ' } }).config.adminPort, 9901)
})

test('an empty file is all defaults', (context) => {
  assert.deepEqual(loadConfig({ path: fileWith(context, '# nothing yet\n'), env: {} }).config, defaultConfig())
})

test('problems of the file and of the environment are listed at once', (context) => {
  const path = fileWith(context, 'adminPrt: 1\nmaxHeaders: many\nexcludePorts: [80, 9-5]\n')
  const env = { UNDERSTUDY_LISTEN_PORT: '80a', UNDERSTUDY_EXCLUDE_CIDRS: '10.0.0.0/8,10.0.0.0/33' }
  assert.deepEqual(linesOf({ path, env }), [
    'UNDERSTUDY_LISTEN_PORT: expected a whole number from 0 to 65535, got "80a"',
    `${path}:3:20 excludePorts[1]: expected a port from 1 to 65535 or a range such as "8000-8100", got "9-5"`,
    'UNDERSTUDY_EXCLUDE_CIDRS[1]: expected a CIDR such as "10.0.0.0/8" or "fd00::/8", or an address, got "10.0.0.0/33"',
    `${path}:2:13 maxHeaders: expected a whole number from 1 to 2000, got "many"`,
    `${path}:1:1 adminPrt: unknown key; did you mean "adminPort"?`,
  ])
})

test('a file that is a list is told that an object is expected', (context) => {
  const path = fileWith(context, '- a\n')
  assert.deepEqual(linesOf({ path, env: {} }), [`${path}:1:1 expected an object, got a list of 1`])
})

test('a setting that contradicts another names both', () => {
  assert.deepEqual(linesOf({ env: { UNDERSTUDY_HEARTBEAT_INTERVAL_MS: '4000' } }), [
    'heartbeatStaleMs, which is not set: 5000 is less than twice heartbeatIntervalMs (4000)',
  ])
  assert.deepEqual(linesOf({ env: { UNDERSTUDY_LISTEN_PORT: '9901', UNDERSTUDY_BODY_MATCH_TOTAL_BYTES: '5' } }), [
    'UNDERSTUDY_BODY_MATCH_TOTAL_BYTES: 5 is less than bodyMatchBytes (1048576)',
    'adminPort, which is not set: 9901 is also listenPort',
  ])
})

for (const [key, value, said] of [
  ['RING_BYTES', '4194305', 'expected a power of two, got 4194305'],
  ['DNS_RESERVED4', '10.0.0.0/7', 'expected an IPv4 CIDR from /8 to /30, got "10.0.0.0/7"'],
  ['DNS_RESERVED4', '2001:2::/64', 'expected an IPv4 CIDR from /8 to /30, got "2001:2::/64"'],
  ['DNS_RESERVED6', '240.241.0.0/16', 'expected an IPv6 CIDR from /32 to /126, got "240.241.0.0/16"'],
  ['ADMIN_HOST', 'localhost', 'expected an IPv4 or IPv6 address, got "localhost"'],
  ['ADMIN_ENABLED', 'yes', 'expected true or false, got "yes"'],
  ['MAX_HEADERS', '1e3', 'expected a whole number from 1 to 2000, got "1e3"'],
  ['LISTEN_PORT', '-1', 'expected a whole number from 0 to 65535, got -1'],
  ['FAIL_MODE', 'close', 'expected one of "open", "closed", got "close"; did you mean "closed"?'],
] as const) {
  test(`${key}=${value} is refused with what was expected`, () => {
    assert.deepEqual(linesOf({ env: { [`UNDERSTUDY_${key}`]: value } }), [`UNDERSTUDY_${key}: ${said}`])
  })
}

test('a v4-mapped network is refused with the way to write it', () => {
  assert.deepEqual(linesOf({ env: { UNDERSTUDY_EXCLUDE_CIDRS: '::ffff:10.0.0.0/104' } }), [
    'UNDERSTUDY_EXCLUDE_CIDRS[0]: expected a v4-mapped network to be written as IPv4, got "::ffff:10.0.0.0/104"',
  ])
})

test('more excluded ports than the kernel holds are refused', () => {
  const ports = Array.from({ length: 17 }, (_, index) => index + 1).join(',')
  assert.deepEqual(linesOf({ env: { UNDERSTUDY_EXCLUDE_PORTS: ports } }), [
    'UNDERSTUDY_EXCLUDE_PORTS: expected at most 16 entries, got a list of 17',
  ])
})

test('an unknown name in the environment only warns', () => {
  const env = { UNDERSTUDY_PORT_80_TCP: 'x', UNDERSTUDY_LOGLEVEL: 'debug', UNDERSTUDY_NODE: '/n', OTHER: '1' }
  assert.deepEqual(loadConfig({ env }).warnings, [
    'UNDERSTUDY_LOGLEVEL is not a setting and is ignored; did you mean UNDERSTUDY_LOG_LEVEL?',
    'UNDERSTUDY_PORT_80_TCP is not a setting and is ignored',
  ])
})

test('every key has one sentence of documentation and the environment name that follows from it', () => {
  for (const [key, schema] of Object.entries(Config.shape)) {
    const meta = schema.meta() ?? {}
    const screaming = key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    assert.equal(meta['env'], `UNDERSTUDY_${screaming}`)
    assert.equal(ENV_NAMES.get(key as keyof Config), meta['env'])
    assert.match(String(meta['doc']), /^[A-Z].*[^.]\.$/)
    assert.ok(Object.hasOwn(defaultConfig(), key))
  }
})
