/**
 * What a pod may say of itself in annotations under `understudy.dev/`: type, default, limits, documentation and example of
 * every key. `docs/annotations.md` is generated from it.
 */
import { z } from 'zod'
import { Cidr, PortRange } from './networks.ts'
import { checkValue } from './problems.ts'
import { Until } from './until-schema.ts'

/** What stands in front of the keys in a pod. */
export const ANNOTATION_PREFIX = 'understudy.dev/'

/** What `docs/annotations.md` says of a key beside its meaning. */
export interface AnnotationDoc extends Record<string, unknown> {
  readonly doc: string
  /** What it may be, in words or as a list of values. */
  readonly values: string
  /** What goes without it. */
  readonly fallback: string
  readonly example: string
}

const MAX_LIST_CHARACTERS = 16_384
const MAX_PORT_ENTRIES = 64
const MAX_INBOUND_PORTS = 64
const MAX_CIDRS = 256

const documented = <T extends z.ZodType>(schema: T, doc: AnnotationDoc): T => schema.meta(doc)

const Flag = z
  .enum(['true', 'false'], { error: 'expected "true" or "false", in small letters' })
  .transform((text) => text === 'true')

/** Entries between commas; the first that is wrong is named, the others are counted. */
const listOf = <T>(entry: z.ZodType<T>, most: number): z.ZodType<readonly T[], string> =>
  z
    .string()
    .max(MAX_LIST_CHARACTERS)
    .transform((text, context): readonly T[] => {
      const fail = (message: string): typeof z.NEVER => {
        context.issues.push({ code: 'custom', message, input: text })
        return z.NEVER
      }
      const parts = text.split(',', MAX_LIST_CHARACTERS)
      if (parts.length > most) return fail(`expected at most ${most} entries between commas`)
      const values: T[] = []
      const wrong: string[] = []
      for (const [index, part] of parts.entries()) {
        const checked = checkValue(entry, part.trim())
        if ('value' in checked) values.push(checked.value)
        else wrong.push(`entry ${index + 1}: ${checked.problems[0]?.message}`)
      }
      const [first] = wrong
      if (first === undefined) return values
      return fail(wrong.length === 1 ? first : `${first}, and ${wrong.length - 1} more`)
    })

const Ports = listOf(PortRange, MAX_PORT_ENTRIES)

/** Single ports, ascending. */
const InboundPorts = Ports.transform((ranges, context): readonly number[] => {
  const found = new Set<number>()
  for (const { from, to } of ranges) {
    for (let port = from; port <= to && found.size <= MAX_INBOUND_PORTS; port++) found.add(port)
  }
  if (found.size <= MAX_INBOUND_PORTS) return [...found].sort((a, b) => a - b)
  const message = `these are more than the ${MAX_INBOUND_PORTS} ports that a pod may have proxied`
  context.addIssue({ code: 'custom', message, input: ranges })
  return z.NEVER
})

const PORT_VALUES = `up to ${MAX_PORT_ENTRIES} ports and ranges, with commas between`

/** By the key that is written; the values are text, without white space around. */
export const PodAnnotations = z.object({
  intercept: documented(Flag.default(false), {
    doc: 'Whether the connections that the pod opens are intercepted. Nothing else opts a pod in.',
    values: '`"true"`, `"false"`',
    fallback: '`"false"`',
    example: 'intercept: "true"',
  }),
  mode: documented(z.enum(['mock', 'forward', 'observe']).optional(), {
    doc: '`mock`: what no expectation matches is refused; `forward`: it goes where it was going; `observe`: all of it does, and no expectation is asked.',
    values: '`mock`, `forward`, `observe`',
    fallback: 'the setting `podMode`',
    example: 'mode: mock',
  }),
  fail: documented(z.enum(['open', 'closed']).optional(), {
    doc: 'What the kernel does with new connections while the agent is not there: let them go straight on, or refuse them.',
    values: '`open`, `closed`',
    fallback: 'the setting `failMode`',
    example: 'fail: open',
  }),
  ports: documented(Ports.optional(), {
    doc: 'Only connections to these destination ports are intercepted, and DNS.',
    values: PORT_VALUES,
    fallback: 'every port',
    example: 'ports: "80,443,8000-8100"',
  }),
  'inbound-ports': documented(InboundPorts.default([]), {
    doc: "The pod's own ports: connections that others open to them go through the agent too.",
    values: `up to ${MAX_INBOUND_PORTS} ports, ranges count with all that is in them`,
    fallback: 'none',
    example: 'inbound-ports: "8080"',
  }),
  'exclude-outbound-ports': documented(Ports.default([]), {
    doc: 'Destination ports that are left alone, also where `ports` names them.',
    values: PORT_VALUES,
    fallback: 'none',
    example: 'exclude-outbound-ports: "5432,6379"',
  }),
  'exclude-outbound-cidrs': documented(listOf(Cidr, MAX_CIDRS).default([]), {
    doc: 'Destination networks and addresses that are left alone.',
    values: `up to ${MAX_CIDRS} CIDRs or addresses, IPv4 and IPv6, with commas between`,
    fallback: 'none',
    example: 'exclude-outbound-cidrs: "10.0.0.0/8,fd00::/8"',
  }),
  dns: documented(Flag.default(true), {
    doc: "Whether the pod's DNS goes through the agent, which then knows the names of addresses.",
    values: '`"true"`, `"false"`',
    fallback: '`"true"`',
    example: 'dns: "false"',
  }),
  until: documented(Until.optional(), {
    doc: 'When interception ends by itself: a time of RFC 3339, or how long after an agent first saw it on the pod, in days, hours, minutes and seconds, at most a year.',
    values: 'a time or a duration',
    fallback: 'it does not',
    example: 'until: 2h30m',
  }),
})
