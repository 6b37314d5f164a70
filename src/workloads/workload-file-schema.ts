/** What a file that lists workloads may hold (docs/workloads.md). */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { WorkloadFacts } from './source.ts'

const PREFIX = 'understudy.dev/'
const MAX_WORKLOADS = 1024
const MAX_NAMESPACES = 1024
const MAX_PATH = 4096
/** As the Kubernetes API has them: what it says of a pod is bounded alike. */
const MAX_LABELS = 256
const MAX_ANNOTATIONS = 64
const MAX_ANNOTATION = 16_384

const Name = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, {
  error: 'expected a name of small letters, digits, "-" and "."',
})
const Namespace = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
  error: 'expected the name of a namespace, such as "payments"',
})
const Uid = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/, {
  error: 'expected 1 to 128 letters, digits, "-", "_" and ".", the first and the last a letter or digit',
})
const Path = z
  .string()
  .max(MAX_PATH)
  .refine((text) => text.startsWith('/') && !/\p{Cc}/u.test(text) && !text.split('/').includes('..'), {
    error: 'expected an absolute path without ".."',
  })
const Address = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), { error: 'expected an IPv4 or IPv6 address' })

/** Text that is short, by keys that are. */
const texts = (most: number, longest: number) =>
  z.record(z.string().min(1).max(317), z.string().max(longest)).superRefine((given, context) => {
    if (Object.keys(given).length > most)
      context.addIssue({ code: 'custom', message: `expected at most ${most} entries` })
  })

const Labels = texts(MAX_LABELS, 63)

/** With or without our prefix; what has another one is nobody's here, as on a pod. */
const Annotations = texts(MAX_ANNOTATIONS, MAX_ANNOTATION).transform((given, context) => {
  const kept = new Map<string, string>()
  for (const [key, value] of Object.entries(given)) {
    const own = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key
    if (own.includes('/')) continue
    if (kept.has(own))
      context.addIssue({ code: 'custom', message: `${PREFIX}${own} is given with and without its prefix` })
    kept.set(own, value)
  }
  return Object.fromEntries(kept)
})

const Workload = z
  .strictObject({
    uid: Uid,
    namespace: Namespace,
    name: Name,
    labels: Labels.default({}),
    annotations: Annotations.default({}),
    ips: z.array(Address).max(16).default([]),
    isHostNetwork: z.boolean().default(false),
    hasEnded: z.boolean().default(false),
    cgroupUid: Uid.optional(),
    containerIds: z.array(Uid).max(64).default([]),
    createdAt: z.iso.datetime({ offset: true, error: 'expected a time such as "2026-12-24T18:00:00Z"' }).optional(),
    netnsPath: Path.optional(),
    cgroupPath: Path.optional(),
  })
  .transform(
    ({ cgroupUid, createdAt, netnsPath, cgroupPath, ...rest }): WorkloadFacts => ({
      ...rest,
      refusedAnnotations: [],
      cgroupUid: cgroupUid ?? rest.uid,
      createdAtMs: createdAt === undefined ? 0 : Date.parse(createdAt),
      ...(netnsPath === undefined ? {} : { netnsPath }),
      ...(cgroupPath === undefined ? {} : { cgroupPath }),
    }),
  )

/** Says which of them share something that only one may have. */
const isUnique = (key: 'uid' | 'netnsPath') => (all: readonly WorkloadFacts[], context: z.RefinementCtx<unknown>) => {
  const firstAt = new Map<string, number>()
  for (const [index, facts] of all.entries()) {
    const value = facts[key]
    const first = value === undefined ? undefined : firstAt.get(value)
    if (first !== undefined) {
      context.addIssue({
        code: 'custom',
        message: `the same ${key} as [${first}]; each has its own`,
        path: [index, key],
      })
    } else if (value !== undefined) firstAt.set(value, index)
  }
}

const Namespaces = z.record(Namespace, z.strictObject({ labels: Labels.default({}) })).superRefine((given, context) => {
  if (Object.keys(given).length <= MAX_NAMESPACES) return
  context.addIssue({ code: 'custom', message: `expected at most ${MAX_NAMESPACES} entries` })
})

/** What a file says, ready to be told. An empty file lists nothing. */
export interface WorkloadList {
  readonly workloads: readonly WorkloadFacts[]
  readonly namespaces: Readonly<Record<string, { readonly labels: Readonly<Record<string, string>> }>>
}

export const WorkloadFile: z.ZodType<WorkloadList> = z.strictObject({
  namespaces: Namespaces.default({}),
  workloads: z
    .array(Workload)
    .max(MAX_WORKLOADS)
    .superRefine(isUnique('uid'))
    .superRefine(isUnique('netnsPath'))
    .default([]),
})
