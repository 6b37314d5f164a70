import assert from 'node:assert/strict'
import { closeSync, fstatSync, linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { findNetns, openVerified } from '../../../../src/workloads/pods/find-netns.ts'
import { makeTree } from '../../../support/cgroup-tree.ts'

const TRIE = (address: string): string =>
  `Main:\n  +-- ${address}/32 2 0 2\n     |-- ${address}\n        /32 host LOCAL\n`

interface Made {
  readonly netns: string
  readonly startTime?: number
  readonly name?: string
  readonly v4?: string
  readonly v6?: string
}

/** A recorded /proc: processes whose namespaces are one file if they have one name. */
const procOf = (context: TestContext, processes: Readonly<Record<string, Made>>): string => {
  const root = makeTree(context, ['netns'])
  for (const [pid, { netns, startTime = 100, name = 'app', v4, v6 }] of Object.entries(processes)) {
    for (const folder of ['ns', 'net']) mkdirSync(join(root, pid, folder), { recursive: true })
    const file = join(root, 'netns', netns)
    writeFileSync(file, '', { flag: 'a' })
    linkSync(file, join(root, pid, 'ns/net'))
    writeFileSync(join(root, pid, 'stat'), `${pid} (${name}) S ${'0 '.repeat(18)}${startTime} 0 0\n`)
    writeFileSync(join(root, pid, 'net/fib_trie'), v4 ? TRIE(v4) : '')
    writeFileSync(join(root, pid, 'net/if_inet6'), v6 ? `${v6} 02 40 00 80     eth0\n` : '')
  }
  return root
}
const HOST = { netns: 'host', v4: '192.0.2.1' }
const POD = { netns: 'pod', v4: '10.1.0.7', v6: '20010db8000500000000000000000007' }
const inode = (proc: string, name: string): bigint => statSync(join(proc, 'netns', name), { bigint: true }).ino

test('the oldest process whose namespace has an address of the pod tells it', (context) => {
  const proc = procOf(context, {
    1: HOST,
    30: { ...POD, startTime: 900 },
    31: { ...POD, startTime: 200, name: 'a) S 1 (b' },
    32: { ...POD, startTime: 300 },
  })
  assert.deepEqual(findNetns({ procFolder: proc, pids: [30, 31, 32], ips: ['10.1.0.7'] }), {
    kind: 'found',
    pid: 31,
    startTime: 200,
    path: join(proc, '31/ns/net'),
    inode: inode(proc, 'pod'),
  })
})

test('an IPv6 address tells as well, however it is spelt', (context) => {
  const procFolder = procOf(context, { 1: HOST, 30: POD })
  for (const ip of ['2001:db8:5::7', '2001:DB8:0005:0::7', '::ffff:10.1.0.7']) {
    assert.equal(findNetns({ procFolder, pids: [30], ips: ['10.9.9.9', ip] }).kind, 'found', ip)
  }
})

test('a process that visits another pod, older than all, is passed over', (context) => {
  const other = { netns: 'other', v4: '10.1.0.8', startTime: 1 }
  const procFolder = procOf(context, { 1: HOST, 20: other, 30: POD })
  const found = findNetns({ procFolder, pids: [20, 30], ips: ['10.1.0.7'] })
  assert.equal(found.kind === 'found' && found.pid, 30)
  const alone = findNetns({ procFolder, pids: [20], ips: ['10.1.0.7'] })
  assert.ok(alone.kind === 'foreign')
  assert.match(alone.why, new RegExp(`net:\\[${inode(procFolder, 'other')}\\]`))
})

test('of a pod with very many namespaces so many are looked into', (context) => {
  const visits = Array.from(
    { length: 16 },
    (_, index) => [200 + index, { netns: `n${index}`, startTime: index }] as const,
  )
  const procFolder = procOf(context, { 1: HOST, ...Object.fromEntries(visits), 300: POD })
  const pids = [...visits.map(([pid]) => pid), 300]
  assert.equal(findNetns({ procFolder, pids, ips: ['10.1.0.7'] }).kind, 'foreign')
  assert.equal(findNetns({ procFolder, pids: pids.slice(1), ips: ['10.1.0.7'] }).kind, 'found')
})

test('the namespace of the node is refused, although it has the address', (context) => {
  const procFolder = procOf(context, { 1: HOST, 20: HOST, 30: POD })
  assert.deepEqual(findNetns({ procFolder, pids: [20], ips: ['192.0.2.1'] }), { kind: 'host' })
  const mixed = findNetns({ procFolder, pids: [20, 30], ips: ['192.0.2.1', '10.1.0.7'] })
  assert.equal(mixed.kind === 'found' && mixed.pid, 30)
})

test('our own namespace is refused like the node’s, and stands in where the first process cannot be read', (context) => {
  const procFolder = procOf(context, { self: HOST, 20: HOST, 30: POD })
  assert.deepEqual(findNetns({ procFolder, pids: [20], ips: ['192.0.2.1'] }), { kind: 'host' })
  assert.equal(findNetns({ procFolder, pids: [30], ips: ['10.1.0.7'] }).kind, 'found')
})

test('where the node’s own cannot be told no namespace is believed', (context) => {
  const procFolder = procOf(context, { 30: POD })
  assert.equal(findNetns({ procFolder, pids: [30], ips: ['10.1.0.7'] }).kind, 'none')
})

test('a pod without an address waits, and so does one whose addresses every namespace has', (context) => {
  const lo = { ...POD, v4: '127.0.0.1', v6: '00000000000000000000000000000001' }
  const procFolder = procOf(context, { 1: HOST, 30: lo })
  for (const ips of [
    [],
    ['127.0.0.1', '::1'],
    ['0.0.0.0', '::'],
    ['fe80::1'],
    ['169.254.1.1'],
    ['', 'x', '10.1.0.7%a'],
  ]) {
    assert.equal(findNetns({ procFolder, pids: [30], ips }).kind, 'waiting', ips.join())
  }
})

test('processes that are gone, wholly or in part, are passed over', (context) => {
  const procFolder = procOf(context, { 1: HOST, 30: POD, 31: POD, 32: POD, 33: POD })
  rmSync(join(procFolder, '30'), { recursive: true })
  rmSync(join(procFolder, '31/stat'))
  rmSync(join(procFolder, '32/ns/net'))
  const found = findNetns({ procFolder, pids: [30, 31, 32, 33], ips: ['10.1.0.7'] })
  assert.equal(found.kind === 'found' && found.pid, 33)
  const none = findNetns({ procFolder, pids: [30, 31, 32], ips: ['10.1.0.7'] })
  assert.equal(none.kind, 'none')
  assert.equal(findNetns({ procFolder, pids: [], ips: ['10.1.0.7'] }).kind, 'none')
})

test('the tables of a process that is gone say nothing against its namespace', (context) => {
  const procFolder = procOf(context, { 1: HOST, 30: { ...POD, v4: '', v6: '' } })
  assert.equal(findNetns({ procFolder, pids: [30], ips: ['10.1.0.7'] }).kind, 'foreign')
})

test('a namespace that was found is opened, unless its path leads elsewhere by now', (context) => {
  const procFolder = procOf(context, { 1: HOST, 30: POD, 31: { netns: 'other' } })
  const found = findNetns({ procFolder, pids: [30], ips: ['10.1.0.7'] })
  assert.ok(found.kind === 'found')
  const fd = openVerified(found)
  assert.ok(fd !== undefined)
  assert.equal(fstatSync(fd, { bigint: true }).ino, found.inode)
  closeSync(fd)
  assert.equal(openVerified({ ...found, startTime: found.startTime + 1 }), undefined)
  renameSync(join(procFolder, '31/ns/net'), found.path)
  assert.equal(openVerified(found), undefined)
  rmSync(found.path)
  assert.equal(openVerified(found), undefined)
})
