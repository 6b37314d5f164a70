/** Whatever an API server sends: what is made of it is bounded, and nothing throws. */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { MOST_MESSAGE_BYTES, messageOf } from '../../src/workloads/kubernetes/event-object.ts'
import { createLineSplitter } from '../../src/workloads/kubernetes/line-splitter.ts'
import { createListScanner } from '../../src/workloads/kubernetes/list-scanner.ts'
import { projectNamespace } from '../../src/workloads/kubernetes/project-namespace.ts'
import { POD_LIMITS, projectPod } from '../../src/workloads/kubernetes/project-pod.ts'
import { retryAfterOf } from '../../src/workloads/kubernetes/retry-after.ts'

const LIMITS = { itemBytes: 1 << 20, listBytes: 1 << 24, depth: 64 }

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('../../x', 'a'.repeat(10_240), '__proto__', '::ffff:1.2.3.4'),
)
const anything = fc.oneof(fc.jsonValue(), text)
const dictionary = fc.oneof(
  fc.dictionary(
    fc.oneof(
      text,
      text.map((key) => `understudy.dev/${key}`),
    ),
    fc.oneof(text, anything),
    { maxKeys: 100 },
  ),
  anything,
)
/** Something near to a pod, each part of which may be anything. */
const nearPod = fc.record(
  {
    metadata: fc.oneof(
      fc.record(
        {
          uid: fc.oneof(fc.uuid(), anything),
          name: fc.oneof(fc.constant('a'), anything),
          namespace: fc.oneof(fc.constant('shop'), anything),
          labels: dictionary,
          annotations: dictionary,
          creationTimestamp: anything,
          deletionTimestamp: anything,
        },
        { requiredKeys: ['uid', 'name', 'namespace'] },
      ),
      anything,
    ),
    spec: fc.oneof(fc.record({ hostNetwork: anything }), anything),
    status: fc.oneof(
      fc.record({
        phase: anything,
        podIP: fc.oneof(fc.ipV4(), fc.ipV6(), anything),
        podIPs: fc.oneof(
          fc.array(fc.record({ ip: fc.oneof(fc.ipV4(), fc.ipV6(), anything) }), { maxLength: 50 }),
          anything,
        ),
        containerStatuses: fc.oneof(fc.array(fc.record({ containerID: anything, state: anything })), anything),
      }),
      anything,
    ),
  },
  { requiredKeys: ['metadata'] },
)

test('a pod of any shape is kept within bounds, or refused', () => {
  fc.assert(
    fc.property(fc.oneof(nearPod, anything), (pod) => {
      const projected = projectPod(pod)
      if (projected.kind === 'refused') return
      const { uid, cgroupUid, annotations, refusedAnnotations, ips, containerIds, labels, createdAtMs } =
        projected.value
      for (const part of [uid, cgroupUid]) assert.match(part, /^[0-9a-f][0-9a-f-]{0,63}$/i)
      assert.ok(Object.keys(annotations).length <= POD_LIMITS.annotations)
      assert.ok(Object.values(annotations).every((value) => value.length <= POD_LIMITS.annotationCharacters))
      assert.ok(refusedAnnotations.length <= POD_LIMITS.refusedAnnotations)
      assert.ok(refusedAnnotations.every((key) => key.length <= 80))
      assert.ok(ips.length <= POD_LIMITS.ips && ips.every((ip) => isIP(ip) && !/^[0:]*:ffff:\d+\./i.test(ip)))
      assert.ok(containerIds.every((id) => /^[0-9a-f]{12,128}$/i.test(id)))
      assert.ok(Object.values(labels).every((value) => value.length <= 63))
      assert.equal(Object.getPrototypeOf(labels), Object.prototype)
      assert.equal(Object.getPrototypeOf(annotations), Object.prototype)
      assert.ok(Number.isFinite(createdAtMs) && createdAtMs >= 0)
      assert.ok(JSON.stringify(projected.value).length < 2_000_000)
    }),
    { numRuns: 500 },
  )
})

test('a namespace of any shape is kept, or refused', () => {
  fc.assert(fc.property(fc.oneof(nearPod, anything), (object) => void projectNamespace(object)))
})

const cutAt = (bytes: Buffer, sizes: readonly number[]): Buffer[] => {
  const pieces: Buffer[] = []
  let at = 0
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

test('the items of a list are what a parse of the whole gives, however it is cut and laid out', () => {
  const list = fc.record({
    before: fc.jsonValue(),
    kind: fc.constant('PodList'),
    metadata: fc.record({ resourceVersion: fc.string() }),
    items: fc.array(fc.jsonValue(), { maxLength: 8 }),
    after: fc.jsonValue(),
  })
  fc.assert(
    fc.property(list, sizes, fc.constantFrom(0, 1, '\t'), (value, pieces, indent) => {
      const items: unknown[] = []
      const scanner = createListScanner(LIMITS, (item) => items.push(JSON.parse(item)))
      const whole = JSON.stringify(value, undefined, indent)
      for (const piece of cutAt(Buffer.from(whole), pieces)) assert.equal(scanner.push(piece), undefined)
      const ended = scanner.end()
      assert.ok(typeof ended !== 'string')
      const { kind, metadata } = ended
      assert.deepEqual(
        { items, kind, metadata: JSON.parse(metadata ?? '') },
        {
          items: JSON.parse(whole).items,
          kind: '"PodList"',
          metadata: JSON.parse(whole).metadata,
        },
      )
    }),
    { numRuns: 300 },
  )
})

test('any bytes at all are a list or a fault, the same in any pieces', () => {
  const byte = fc.constantFrom(...Buffer.from('{}[]:,"\\ \n0a'), 0xff, 0)
  const bytes = fc.oneof(
    fc.array(byte, { maxLength: 60 }).map((list) => Buffer.from(list)),
    fc.array(byte, { maxLength: 30 }).map((list) => Buffer.concat([Buffer.from('{"items":['), Buffer.from(list)])),
  )
  const scan = (pieces: readonly Buffer[]) => {
    const items: string[] = []
    const scanner = createListScanner(LIMITS, (item) => items.push(item))
    for (const piece of pieces) scanner.push(piece)
    return { items, ended: scanner.end() }
  }
  fc.assert(
    fc.property(bytes, sizes, (all, pieces) => {
      assert.deepEqual(scan(cutAt(all, pieces)), scan([all]))
    }),
    { numRuns: 2000 },
  )
})

test('the lines of a watch are the same in any pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 30 })), sizes, (parts, pieces) => {
      const whole = `${parts.map((part) => part.replaceAll('\n', ' ')).join('\n')}\n`
      const lines: string[] = []
      const splitter = createLineSplitter(1000, (line) => lines.push(line))
      for (const piece of cutAt(Buffer.from(whole), pieces)) assert.ok(splitter.push(piece))
      assert.deepEqual(lines, Buffer.from(whole).toString().split('\n').filter(Boolean))
    }),
  )
})

test('a message has at most 1024 bytes, and stays as it is below', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 2000 }), fc.string({ unit: 'grapheme', maxLength: 900 })),
      (message) => {
        const cut = messageOf(message)
        assert.ok(Buffer.byteLength(cut) <= MOST_MESSAGE_BYTES)
        assert.ok(cut.isWellFormed())
        if (message.isWellFormed() && Buffer.byteLength(message) <= MOST_MESSAGE_BYTES) assert.equal(cut, message)
      },
    ),
  )
})

test('Retry-After of any kind is a number of milliseconds within bounds, or nothing', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.anything(), fc.integer().map(String)), (header) => {
      const ms = retryAfterOf(header, 0) ?? 1
      assert.ok(ms > 0 && ms <= 120_000)
    }),
  )
})
