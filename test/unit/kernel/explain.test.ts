import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainAttach, explainLoad, FEATURES } from '../../../src/kernel/explain.ts'

const EPERM = -1
const EINVAL = -22
const EACCES = -13
const EAGAIN = -11

test('a refusal without a word from the verifier is a lack of rights', () => {
  const error = explainLoad(EPERM, ['libbpf: Error in bpf_object__probe_loading():Operation not permitted(1).'])
  assert.equal(error.code, 'NOT_ROOT')
  assert.match(error.remedy ?? '', /root/)
  assert.match(error.remedy ?? '', /CAP_BPF/)
})

test("the verifier's refusal is not mistaken for a lack of rights", () => {
  const log = ["libbpf: prog 'redirect_connect4': -- BEGIN PROG LOAD LOG --", 'R1 type=ctx expected=fp']
  const error = explainLoad(EACCES, log)
  assert.equal(error.code, 'KERNEL_FEATURE_MISSING')
  assert.equal(error.facts['errno'], 'EACCES')
  assert.deepEqual(error.facts['log'], log)
})

const REFUSALS: readonly [string, string][] = [
  ["libbpf: map 'events': failed to create: Invalid argument(-22)", 'BPF ring buffer'],
  ["libbpf: map 'listeners': failed to create: Invalid argument(-22)", 'socket storage'],
  ["libbpf: map 'inbound_listeners': failed to create: Invalid argument(-22)", 'socket storage with BPF_F_CLONE'],
  ["libbpf: prog 'steer_lookup': failed to load: -22", 'sk_lookup programs'],
  ["libbpf: prog 'steer_ingress': failed to load: -22", 'socket storage in tc programs'],
  ["libbpf: prog 'answer_original_dst': failed to load: -22", 'getsockopt hook'],
  ["libbpf: prog 'restore_peername4': failed to load: -22", 'getpeername hook'],
  ["libbpf: prog 'forget_released': failed to load: -22", 'release hook'],
  ['unknown func bpf_get_netns_cookie#122', 'bpf_get_netns_cookie'],
  ['unknown func bpf_sk_lookup_tcp#84', 'bpf_sk_lookup_tcp'],
  ['unknown func bpf_skc_to_tcp_sock#137', 'bpf_skc_to_tcp_sock'],
  ['libbpf: Error loading vmlinux BTF: -3', 'kernel BTF'],
]
for (const [line, feature] of REFUSALS) {
  test(`'${line}' names the feature and the kernel that has it`, () => {
    const error = explainLoad(EINVAL, ['libbpf: something else', line])
    assert.equal(error.code, 'KERNEL_FEATURE_MISSING')
    assert.match(error.message, new RegExp(`${feature}.*Linux \\d+\\.\\d+ or newer.*EINVAL`))
    assert.match(error.remedy ?? '', /doctor/)
    assert.equal(error.class, 'node')
  })
}

test('a verifier that a signal interrupted says nothing about the kernel', () => {
  const log = ["libbpf: prog 'restore_peername4': BPF program load failed: Resource temporarily unavailable"]
  const error = explainLoad(EAGAIN, log)
  assert.equal(error.code, 'KERNEL_CALL_FAILED')
  assert.match(error.message, /interrupted.*EAGAIN/)
  assert.match(error.remedy ?? '', /again/)
  assert.deepEqual(error.facts['log'], log)
})

test('a refusal that says nothing is passed on as it is', () => {
  const error = explainLoad(-4003, [])
  assert.equal(error.message, 'this kernel lacks a BPF feature: error 4003')
})

test('only the end of a long log is kept', () => {
  const log = Array.from({ length: 100 }, (_, i) => `line ${i}`)
  assert.deepEqual(explainLoad(EINVAL, log).facts['log'], log.slice(-12))
})

test('every feature says since which kernel', () => {
  for (const { name, kernel } of FEATURES) assert.match(kernel, /^\d+\.\d+$/, name)
})

test('an attach refused for rights names the other possible reason too', () => {
  const error = explainAttach(EPERM, 'follow_sockets', '/sys/fs/cgroup/x', [])
  assert.equal(error.code, 'ATTACH_REFUSED')
  assert.equal(error.message, 'cannot attach follow_sockets to /sys/fs/cgroup/x: EPERM')
  assert.match(error.remedy ?? '', /bpftool cgroup tree/)
})

test('an attach refused for another reason points to doctor', () => {
  assert.match(explainAttach(EINVAL, 'follow_sockets', '/x', []).remedy ?? '', /doctor/)
})
