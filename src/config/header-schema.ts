/** Headers and cookies of answers. */
import { z } from 'zod'
import { chosen } from './chosen-schema.ts'
import { namedValues } from './named-values-schema.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/

export const HeaderName = z.string().superRefine((value, context) => {
  if (!TOKEN.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header name is letters, digits and hyphens' })
  } else if (/^(?:content-length|transfer-encoding)$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is worked out from the body; remove it' })
  } else if (/^connection$/i.test(value)) {
    context.addIssue({ code: 'custom', message: 'is decided for each client; remove it' })
  }
})

export const HeaderValue = z.string().superRefine((value, context) => {
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    context.addIssue({ code: 'custom', message: 'a header value is one line of latin1 text' })
  }
})

/** Name, value, name, value … */
export const HeaderLines = namedValues(HeaderName, HeaderValue, 1).transform((headers): readonly string[] =>
  headers.flatMap(({ name, values }) => values.flatMap((value) => [name, value])),
)

const CookieName = z.string().regex(TOKEN, { error: 'a cookie name is letters, digits and hyphens' })
const asList = z
  .array(z.strictObject({ name: CookieName, value: HeaderValue }))
  .transform((all) => all.map(({ name, value }) => `${name}=${value}`))
const asObject = z
  .record(CookieName, HeaderValue)
  .transform((record) => Object.entries(record).map(([name, value]) => `${name}=${value}`))

/** `{a: "1"}` or `[{name: a, value: "1"}]`: what Set-Cookie says of each. A value may have attributes behind a semicolon. */
export const Cookies = chosen<readonly string[]>((given) => (Array.isArray(given) ? asList : asObject))
