/** Kinds of values that settings have, each with the words for what was expected. */
import { isIP } from 'node:net'
import { z } from 'zod'

export const MAX_PORT = 65535

export const whole = (min: number, max: number) =>
  z
    .int({ error: `expected a whole number from ${min} to ${max}` })
    .min(min)
    .max(max)

export const flag = z.boolean({ error: 'expected true or false' })

export const powerOfTwo = (min: number, max: number) =>
  whole(min, max).refine((value) => (value & (value - 1)) === 0, { error: 'expected a power of two' })

export const ipAddress = z
  .string()
  .refine((text) => isIP(text) !== 0 && !text.includes('%'), { error: 'expected an IPv4 or IPv6 address' })
  .meta({ accepts: 'an IP address' })

/** Where a web page is from, or `*`. */
export const Origin = z.string().regex(/^(?:\*|https?:\/\/[^\s/?#@,]+)$/i, {
  error: 'expected an origin such as https://ui.example, or *',
})

/** A name of a machine, `.x` for all below x, or `*`. */
export const HostName = z.string().regex(/^(?:\*|\.?[\w-]+(?:\.[\w-]+)*)$/, {
  error: 'expected a name such as mocks or .svc.cluster.local, or *',
})
