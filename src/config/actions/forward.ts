/** `httpForward`: another server answers. */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Forward } from '../../action.ts'
import { chosen, notYetKeys, refused } from '../chosen-schema.ts'

const Host = z.string().superRefine((value, context) => {
  const isName = /^(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(value) && value.length <= 253
  if (isName || (isIP(value) !== 0 && !/^::ffff:|%/i.test(value))) return
  const message = 'expected a host name or an IP address alone, without scheme, port or brackets'
  context.addIssue({ code: 'custom', message })
})

const Scheme = chosen((given) =>
  given === 'HTTPS' ? refused('forwarding over HTTPS is not supported yet') : z.literal('HTTP'),
)

/** Sends the request to that host in place of where it was going. */
export const ForwardTo = z
  .strictObject({
    host: Host,
    port: z.int().min(1).max(65535).default(80),
    scheme: Scheme.optional(),
    ...notYetKeys(['delay']),
  })
  .transform(({ host, port }): Forward => ({ kind: 'forward', to: { address: host, port }, delayMs: 0 }))
