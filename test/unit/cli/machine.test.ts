import assert from 'node:assert/strict'
import { test } from 'node:test'
import { examine, type Machine, missingCapabilities } from '../../../src/cli/machine.ts'
import type { Finding } from '../../../src/kernel/features.ts'

const ALL_CAPABILITIES = 'CapEff:\t000001ffffffffff\n'
const BPF_FS = 0xcafe4a11

const FILES: Readonly<Record<string, string>> = {
  '/proc/sys/kernel/osrelease': '6.8.0-49-generic\n',
  '/proc/self/status': ALL_CAPABILITIES,
  '/proc/self/mountinfo': '',
  '/proc/self/cgroup': '0::/\n',
  '/proc/sys/net/core/bpf_jit_enable': '1\n',
  '/sys/kernel/security/lockdown': 'none [integrity] confidentiality\n',
}

const machine = (rest: Partial<Machine> = {}, files: Readonly<Record<string, string>> = {}): Machine => ({
  platform: 'linux',
  architecture: 'x64',
  endianness: 'LE',
  nodeVersion: '26.10.0',
  uid: 0,
  read: (path) => ({ ...FILES, ...files })[path],
  exists: () => true,
  isWritable: () => true,
  fileSystem: () => BPF_FS,
  ...rest,
})

const finding = (feature: string, of: Machine): Finding => {
  const found = examine(of).find((each) => each.feature === feature)
  assert.ok(found, feature)
  return found
}

const KERNELS: readonly [release: string, state: string, here: RegExp][] = [
  ['5.4.0-200-generic', 'missing', /^5\.4/],
  ['5.10.0-33-amd64', 'ok', /5\.15 or newer/],
  ['5.15.0', 'ok', /^5\.15\.0$/],
  ['6.18.44-fc-v669', 'ok', /^6\.18\.44-fc-v669$/],
  ['10.0.1', 'ok', /^10/],
  ['', 'missing', /^$/],
]

for (const [release, state, here] of KERNELS) {
  test(`Linux "${release}" is ${state}`, () => {
    const found = finding('Linux', machine({}, { '/proc/sys/kernel/osrelease': release }))
    assert.equal(found.state, state)
    assert.match(found.here, here)
  })
}

test('another system than Linux is told apart', () => {
  const found = finding('Linux', machine({ platform: 'darwin' }))
  assert.deepEqual([found.state, found.here], ['missing', 'this is darwin'])
})

test('the byte order decides, the architecture only advises', () => {
  assert.equal(finding('architecture', machine({ architecture: 's390x', endianness: 'BE' })).state, 'missing')
  assert.equal(finding('architecture', machine({ architecture: 'riscv64' })).state, 'unknown')
  assert.equal(finding('architecture', machine({ architecture: 'arm64' })).state, 'ok')
})

test('capabilities are read from their bits', () => {
  assert.deepEqual(missingCapabilities(ALL_CAPABILITIES), [])
  assert.deepEqual(missingCapabilities('CapEff:\t00000000a80425fb\n'), ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_BPF'])
  assert.deepEqual(missingCapabilities(''), ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN', 'CAP_BPF'])
})

test('root in a container without capabilities is told which', () => {
  const found = finding('rights', machine({}, { '/proc/self/status': 'CapEff:\t00000000a80425fb\n' }))
  assert.match(found.here, /root, but without CAP_NET_ADMIN/)
})

test('a user who is not root is sent to sudo', () => {
  assert.match(finding('rights', machine({ uid: 1000 })).remedy, /sudo/)
})

test('without a cgroup2 mount there is the command that makes one', () => {
  const found = finding('cgroup2', machine())
  assert.deepEqual([found.state, found.required], ['missing', true])
  assert.match(found.remedy, /mount -t cgroup2/)
})

test('bpffs that is not mounted is no obstacle', () => {
  const asRoot = finding('bpffs', machine({ fileSystem: () => 0 }))
  assert.equal(asRoot.state, 'ok')
  const nowhere = finding('bpffs', machine({ fileSystem: () => 0, exists: () => false }))
  assert.deepEqual([nowhere.state, nowhere.required], ['missing', false])
})

test('an interpreter instead of the JIT is slow, not wrong', () => {
  const path = '/proc/sys/net/core/bpf_jit_enable'
  assert.deepEqual(finding('BPF JIT', machine({}, { [path]: '0\n' })).required, false)
  assert.equal(finding('BPF JIT', machine({ read: () => undefined })).state, 'unknown')
})

test('lockdown is told and forbids nothing that is needed', () => {
  assert.equal(finding('lockdown', machine()).here, 'integrity')
  const strict = machine({}, { '/sys/kernel/security/lockdown': 'none integrity [confidentiality]\n' })
  assert.equal(finding('lockdown', strict).state, 'ok')
})

test('every finding that is not fine has a remedy', () => {
  const bad = examine(
    machine({
      platform: 'sunos',
      architecture: 'sparc',
      endianness: 'BE',
      nodeVersion: '18.0.0',
      uid: 1,
      read: () => '0',
      exists: () => false,
      isWritable: () => false,
      fileSystem: () => 0,
    }),
  ).filter(({ state }) => state !== 'ok')
  assert.ok(bad.length >= 7)
  assert.deepEqual(
    bad.filter(({ remedy }) => remedy === ''),
    [],
  )
})
