import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CaptureMode } from '../../../src/capture/capture.ts'
import { choose } from '../../../src/capture/choose.ts'
import { UnderstudyError } from '../../../src/errors.ts'

/** Ways of which some do not work here; says which were tried. */
const machine = (...broken: CaptureMode[]) => {
  const tried: CaptureMode[] = []
  const make = async (mode: CaptureMode): Promise<string> => {
    tried.push(mode)
    if (broken.includes(mode)) throw new UnderstudyError('CAPTURE_REFUSED', `no ${mode}`)
    return `made ${mode}`
  }
  return { make, tried }
}

test('auto takes BPF where it works and tries nothing else', async () => {
  const { make, tried } = machine()
  assert.deepEqual(await choose('auto', make), {
    mode: 'ebpf',
    why: 'it works here and changes least',
    made: 'made ebpf',
  })
  assert.deepEqual(tried, ['ebpf'])
})

test('auto takes the next that works, and tells why not the ones before', async () => {
  assert.deepEqual(await choose('auto', machine('ebpf', 'nft').make), {
    mode: 'iptables',
    why: 'it works here; ebpf does not: no ebpf; nft does not: no nft',
    made: 'made iptables',
  })
})

test('what was asked for is not replaced by another', async () => {
  const { make, tried } = machine('nft')
  await assert.rejects(choose('nft', make), /no nft/)
  assert.deepEqual(tried, ['nft'])
  assert.equal((await choose('tproxy', machine().make)).why, 'it was asked for')
})

test('where nothing works every reason is told', async () => {
  await assert.rejects(
    choose('auto', machine('ebpf', 'nft', 'iptables').make),
    (error) =>
      error instanceof UnderstudyError &&
      error.code === 'CAPTURE_REFUSED' &&
      /no ebpf.*no nft.*no iptables/.test(error.message),
  )
})

test('a mistake of the user or of ours is not taken for a machine that cannot', async () => {
  for (const error of [new UnderstudyError('PORT_IN_USE', 'taken'), new TypeError('a bug')]) {
    const tried: CaptureMode[] = []
    const make = async (mode: CaptureMode): Promise<never> => {
      tried.push(mode)
      throw error
    }
    await assert.rejects(choose('auto', make), error)
    assert.deepEqual(tried, ['ebpf'])
  }
})
