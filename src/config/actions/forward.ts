/** `httpForward`: another server answers. */
import { isIP } from 'node:net'
import { z } from 'zod'
import type { Forward } from '../../action.ts'
import { Delay } from './delay.ts'

export const Host = z.string().superRefine((value, context) => {
  const isName = /^(?!-)[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?$/.test(value) && value.length <= 253
  if (isName || (isIP(value) !== 0 && !/^::ffff:|%/i.test(value))) return
  const message = 'expected a host name or an IP address alone, without scheme, port or brackets'
  context.addIssue({ code: 'custom', message })
})

/** The scheme's own, where none is given. */
export const DEFAULT_PORTS = { HTTP: 80, HTTPS: 443 } as const
export const Scheme = z.enum(['HTTP', 'HTTPS'])
export const Port = z.int().min(1).max(65535)

/** Sends the request to that host in place of where it was going. */
export const ForwardTo = z
  .strictObject({
    host: Host,
    port: Port.optional(),
    scheme: Scheme.default('HTTP'),
    delay: Delay.default(0),
  })
  .transform(
    ({ host, port, scheme, delay }): Forward => ({
      kind: 'forward',
      to: { address: host, port: port ?? DEFAULT_PORTS[scheme], ...(scheme === 'HTTPS' ? { isSecure: true } : {}) },
      delayMs: delay,
    }),
  )
