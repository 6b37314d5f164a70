import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalIp, localIpv4, localIpv6, tellsPodsApart } from '../../src/workloads/pods/local-addresses.ts'
import {
  containerIdOf,
  isPodsName,
  isPossibleUid,
  podName,
  spellingsOf,
  uidOfSpelling,
} from '../../src/workloads/pods/pod-names.ts'
import { startTimeOf } from '../../src/workloads/pods/process-stat.ts'

const hex = (length: number) =>
  fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length }).map((all) => all.join(''))
const uid = fc.oneof(fc.uuid(), hex(32))
const prefix = fc.constantFrom('', 'kubelet-', 'a-b-', 'kubepods-')
const classOf = fc.constantFrom('', '-burstable', '-besteffort')
const wild = fc.oneof(
  fc.string(),
  fc
    .array(fc.constantFrom('pod', '-', '_', '.', ':', '.slice', 'kubepods', 'crio', '.scope', 'a', '0'), {
      maxLength: 60,
    })
    .map((all) => all.join('')),
)

test('a pod is read from each name that a kubelet gives its folder', () => {
  fc.assert(
    fc.property(uid, prefix, classOf, hex(64), (each, before, qos, id) => {
      const spelling = each.replaceAll('-', '_')
      assert.deepEqual(podName(`pod${each}`), { spelling: each, before: 'pod', after: '' })
      const slice = `${before}kubepods${qos}-pod${spelling}.slice`
      assert.deepEqual(podName(slice), { spelling, before: `${before}kubepods${qos}-pod`, after: '.slice' })
      assert.equal(uidOfSpelling(spelling), each)
      assert.ok(spellingsOf(each).includes(spelling))
      const leaf = `${slice}:cri-containerd:${id}`
      assert.deepEqual([podName(leaf)?.spelling, containerIdOf(leaf)], [spelling, id])
    }),
  )
})

test('a container is read from each name that a runtime gives its folder', () => {
  const runtime = fc.constantFrom('', 'cri-containerd-', 'crio-', 'docker-', 'libpod-')
  fc.assert(
    fc.property(hex(64), runtime, fc.constantFrom('', '.scope'), (id, before, after) => {
      assert.equal(containerIdOf(`${before}${id}${after}`), id)
      assert.equal(containerIdOf(`crio-conmon-${id}${after}`), undefined)
      assert.equal(podName(`${before}${id}${after}`), undefined)
    }),
  )
})

test('any name is a pod’s, a container’s or neither, and what is read from it is a part of it', () => {
  fc.assert(
    fc.property(wild, (name) => {
      const pod = podName(name)
      if (pod) {
        assert.ok(isPossibleUid(pod.spelling))
        assert.ok(name.startsWith(`${pod.before}${pod.spelling}${pod.after}`))
        assert.equal(isPodsName(name), false)
      }
      assert.ok(name.includes(containerIdOf(name) ?? ''))
    }),
    { numRuns: 2000 },
  )
})

test('a possible UID is one component of a path, in every spelling', () => {
  fc.assert(
    fc.property(wild, (text) => {
      if (isPossibleUid(text)) for (const each of spellingsOf(text)) assert.match(each, /^[0-9A-Za-z_-]{1,128}$/)
    }),
  )
})

test('the start time is read whatever the name of a process is', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.nat(), { minLength: 18, maxLength: 18 }), fc.nat(), (name, fields, time) => {
      const line = `42 (${name}) S ${fields.join(' ')} ${time} 1024 7\n`
      assert.equal(startTimeOf(line), time)
    }),
  )
})

test('any text has a start time or none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const time = startTimeOf(text)
      assert.ok(time === undefined || Number.isSafeInteger(time))
    }),
  )
})

test('of a routing trie the addresses of type LOCAL are read, and no others', () => {
  const leaf = fc.tuple(
    fc.ipV4(),
    fc.constantFrom('/32 host LOCAL', '/24 link UNICAST', '/32 link BROADCAST', '/8 host LOCAL'),
  )
  fc.assert(
    fc.property(fc.uniqueArray(leaf, { selector: ([address]) => address }), (leaves) => {
      const text = leaves.map(([address, route]) => `  +-- 0.0.0.0/0 3 0 5\n     |-- ${address}\n        ${route}`)
      const local = leaves.filter(([, route]) => route === '/32 host LOCAL').map(([address]) => address)
      assert.deepEqual([...localIpv4(`Main:\n${text.join('\n')}\n`)].sort(), local.sort())
    }),
  )
})

test('IPv6 addresses are read as the kernel writes them', () => {
  fc.assert(
    fc.property(fc.uniqueArray(hex(32), { maxLength: 8 }), (all) => {
      const text = all.map((each) => `${each} 02 40 00 80     eth0\n`).join('')
      assert.equal(localIpv6(text).size, all.length)
      for (const each of localIpv6(text)) assert.equal(canonicalIp(each), each)
    }),
  )
})

test('any text has addresses or none, and nothing is thrown', () => {
  const line = fc.oneof(
    fc.string(),
    fc
      .tuple(
        fc.constantFrom('     |-- ', '        ', '+-- '),
        fc.constantFrom('1.2.3.4', '999.1.1.1', '/32 host LOCAL'),
      )
      .map((all) => all.join('')),
    hex(32).map((each) => `${each} `),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      for (const address of localIpv4(lines.join('\n'))) assert.equal(isIP(address), 4)
      for (const address of localIpv6(lines.join('\n'))) assert.notEqual(isIP(address), 0)
    }),
    { numRuns: 1000 },
  )
})

test('every spelling of an address has one canonical form, other texts none', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const canonical = canonicalIp(text)
      assert.equal(canonical === undefined, isIP(text) === 0 || text.includes('%'))
      if (canonical === undefined) return
      assert.equal(canonicalIp(canonical), canonical)
      assert.equal(canonicalIp(text.toUpperCase()), canonical)
      assert.equal(typeof tellsPodsApart(canonical), 'boolean')
    }),
  )
})
