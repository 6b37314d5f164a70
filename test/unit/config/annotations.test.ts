import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAnnotations } from '../../../src/config/annotations.ts'
import { endOf } from '../../../src/config/until-schema.ts'

const OPEN = { intercept: false, inboundPorts: [], excludePorts: [], excludeCidrs: [], dns: true }

/** The one problem that these annotations have. */
function problem(annotations: Record<string, string>): string {
  const { policy, problems } = readAnnotations(annotations)
  assert.equal(policy, undefined)
  assert.equal(problems.length, 1, problems.join('\n'))
  return problems[0] ?? ''
}

test('a pod without annotations of ours has not opted in', () => {
  assert.deepEqual(readAnnotations({}), { policy: OPEN, problems: [], unknown: [] })
})

test('every annotation is read', () => {
  const { policy, problems } = readAnnotations({
    intercept: 'true',
    mode: 'observe',
    fail: 'closed',
    ports: '80, 443,8000-8100',
    'inbound-ports': '9090,8080,8080',
    'exclude-outbound-ports': '8050',
    'exclude-outbound-cidrs': '10.0.0.0/8, fd00::/8,192.0.2.7',
    dns: 'false',
    until: '1h30m',
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(policy, {
    intercept: true,
    mode: 'observe',
    fail: 'closed',
    ports: [
      { from: 80, to: 80 },
      { from: 443, to: 443 },
      { from: 8000, to: 8100 },
    ],
    inboundPorts: [8080, 9090],
    excludePorts: [{ from: 8050, to: 8050 }],
    excludeCidrs: [
      { address: '10.0.0.0', prefix: 8 },
      { address: 'fd00::', prefix: 8 },
      { address: '192.0.2.7', prefix: 32 },
    ],
    dns: false,
    until: { kind: 'duration', ms: 5_400_000 },
  })
})

test('white space around a value does not matter', () => {
  assert.equal(readAnnotations({ intercept: ' true\n' }).policy?.intercept, true)
})

test('TRUE is refused, and the text says what is expected', () => {
  assert.equal(
    problem({ intercept: 'TRUE' }),
    'understudy.dev/intercept: expected "true" or "false", in small letters, got "TRUE"; did you mean "true"?',
  )
})

test('every bad value is told, and one is enough for the pod to be left alone', () => {
  const { policy, problems } = readAnnotations({
    intercept: 'true',
    mode: 'mocked',
    fail: '',
    dns: 'no',
    until: 'soon',
  })
  assert.equal(policy, undefined)
  assert.deepEqual(problems, [
    'understudy.dev/mode: expected one of "mock", "forward", "observe", got "mocked"; did you mean "mock"?',
    'understudy.dev/fail: expected one of "open", "closed", got ""',
    'understudy.dev/dns: expected "true" or "false", in small letters, got "no"',
    'understudy.dev/until: expected a time such as "2026-12-24T18:00:00Z", or a duration such as "30m", "1h30m" or "7d", got "soon"',
  ])
})

test('the first wrong entry of a list is named, the others are counted', () => {
  const expected = 'expected a port from 1 to 65535 or a range such as "8000-8100"'
  assert.equal(problem({ ports: '80,http' }), `understudy.dev/ports: entry 2: ${expected}, got "http"`)
  assert.equal(problem({ ports: '0,70000,9-1' }), `understudy.dev/ports: entry 1: ${expected}, got "0", and 2 more`)
  assert.equal(problem({ ports: '' }), `understudy.dev/ports: entry 1: ${expected}, got ""`)
  assert.match(
    problem({ 'exclude-outbound-cidrs': '10.0.0.0/33' }),
    /entry 1: expected a CIDR .*, got "10\.0\.0\.0\/33"$/,
  )
  assert.match(problem({ 'exclude-outbound-cidrs': '::ffff:10.0.0.0/104' }), /v4-mapped/)
})

test('lists have a bound', () => {
  const many = (count: number, each: (index: number) => string): string =>
    Array.from({ length: count }, (_, index) => each(index)).join(',')
  assert.deepEqual(readAnnotations({ 'inbound-ports': '1-64' }).problems, [])
  assert.match(problem({ 'inbound-ports': '1-65' }), /more than the 64 ports/)
  assert.match(problem({ 'inbound-ports': '1-65535' }), /more than the 64 ports/)
  assert.match(problem({ 'exclude-outbound-ports': many(65, () => '80') }), /at most 64 entries/)
  assert.deepEqual(
    readAnnotations({ 'exclude-outbound-cidrs': many(256, (index) => `10.0.${index}.0/24`) }).problems,
    [],
  )
  assert.match(problem({ 'exclude-outbound-cidrs': many(257, () => '10.0.0.1') }), /at most 256 entries/)
})

test('an unknown key is a warning that says what was meant, also where nothing else is there', () => {
  assert.deepEqual(readAnnotations({ intercpt: 'true' }), {
    policy: OPEN,
    problems: [],
    unknown: ['understudy.dev/intercpt: unknown key; did you mean understudy.dev/intercept?'],
  })
  const { policy, unknown } = readAnnotations({ intercept: 'true', 'exclude-outbound-port': '80', 'wholly-else': '' })
  assert.equal(policy?.intercept, true)
  assert.deepEqual(unknown, [
    'understudy.dev/exclude-outbound-port: unknown key; did you mean understudy.dev/exclude-outbound-ports?',
    'understudy.dev/wholly-else: unknown key',
  ])
})

test('names that every object has are unknown keys like any other', () => {
  const { policy, unknown } = readAnnotations(JSON.parse('{"__proto__": "a", "constructor": "b", "toString": "c"}'))
  assert.deepEqual(policy, OPEN)
  assert.equal(unknown.length, 3)
})

test('an annotation that was too long to be kept is a problem if we know it, else a warning', () => {
  const { policy, problems, unknown } = readAnnotations({ intercept: 'true' }, ['ports', 'prots'])
  assert.equal(policy, undefined)
  assert.match(problems.join(), /^understudy\.dev\/ports: its value is too long/)
  assert.match(unknown.join(), /^understudy\.dev\/prots: .*did you mean understudy\.dev\/ports/)
})

test('values are shown bounded and with nothing in them that a terminal obeys', () => {
  const text = problem({ mode: `\u001b[31m\u0007\u009b\u202e\u2028\u007f${'x'.repeat(262_144)}` })
  assert.ok(text.length < 300, String(text.length))
  assert.match(text, /"\\u001b\[31m\\u0007\\u009b\\u202e\\u2028\\u007fx+…"/)
  const [told = ''] = readAnnotations({ [`a\u0085${'b'.repeat(300)}`]: '' }).unknown
  assert.match(told, /^"understudy\.dev\/a\\u0085b+…": unknown key$/)
})

test('a thousand unknown keys are told by sixteen and their number', () => {
  const { unknown } = readAnnotations(Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`k${index}`, ''])))
  assert.equal(unknown.length, 17)
  assert.equal(unknown.at(-1), '… and 984 more')
})

test('ports that need more ranges than the kernel has room for are refused with their number', () => {
  const every = (count: number): string => Array.from({ length: count }, (_, index) => 100 + index * 10).join(',')
  assert.deepEqual(readAnnotations({ ports: every(15), dns: 'false' }).problems, [])
  assert.match(
    problem({ ports: every(16), dns: 'false' }),
    /^understudy\.dev\/ports: .* leaves 17 separate ranges .* room for 16$/,
  )
  assert.match(
    problem({ 'exclude-outbound-ports': every(17) }),
    /^understudy\.dev\/exclude-outbound-ports: .* 17 separate/,
  )
})

test('the ports that the settings exclude for every pod take room too', () => {
  const own = Array.from({ length: 16 }, (_, index) => 100 + index * 10).join(',')
  assert.deepEqual(readAnnotations({ 'exclude-outbound-ports': own }).problems, [])
  const { problems } = readAnnotations({ 'exclude-outbound-ports': own }, [], [{ from: 9000, to: 9000 }])
  assert.match(problems.join(), /17 separate ranges/)
})

test('what would exclude every port is refused', () => {
  assert.match(problem({ 'exclude-outbound-ports': '1-65535' }), /every port is excluded/)
  assert.match(problem({ ports: '80,443', 'exclude-outbound-ports': '1-100,443' }), /every port is excluded/)
  assert.match(problem({ ports: '80', 'exclude-outbound-ports': '80', dns: 'true' }), /every port is excluded/)
})

const until = (text: string) => readAnnotations({ until: text }).policy?.until

test('until takes times of RFC 3339 with their offset', () => {
  const at = Date.UTC(2026, 11, 24, 18)
  assert.deepEqual(until('2026-12-24T18:00:00Z'), { kind: 'time', atMs: at })
  assert.deepEqual(until('2026-12-24T20:30:00.250+02:30'), { kind: 'time', atMs: at + 250 })
  assert.deepEqual(until('2026-12-24t13:00:00-05:00'), { kind: 'time', atMs: at })
})

test('until takes durations of days, hours, minutes and seconds', () => {
  assert.deepEqual(until('30m'), { kind: 'duration', ms: 1_800_000 })
  assert.deepEqual(until('7d'), { kind: 'duration', ms: 604_800_000 })
  assert.deepEqual(until('1d2h3m4s'), { kind: 'duration', ms: 93_784_000 })
})

for (const text of [
  '',
  '30',
  '-5m',
  '1.5h',
  '5m1h',
  '1h1h',
  '0m',
  '366d',
  '999999d',
  'PT5M',
  '2026-12-24',
  '2026-12-24T18:00:00',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-12-24T24:00:00Z',
  '2026-12-24T23:59:60Z',
  '2026-12-24T18:00:00+24:00',
]) {
  test(`until does not take ${JSON.stringify(text)}`, () => {
    assert.match(problem({ until: text }), /^understudy\.dev\/until: expected/)
  })
}

test('a duration counts from when the pod was created, a time does not', () => {
  assert.equal(endOf({ kind: 'duration', ms: 5 }, 1000), 1005)
  assert.equal(endOf({ kind: 'time', atMs: 7 }, 1000), 7)
  assert.equal(endOf(undefined, 1000), Infinity)
})
