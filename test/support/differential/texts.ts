/** The forms in which a text can be asked for. */
import type { Draw } from './draw.ts'

const escaped = (text: string): string => text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')

const forms: readonly ((value: string, other: string, from: Draw) => unknown)[] = [
  (value) => value,
  (value) => value.toUpperCase(),
  (value) => escaped(value),
  (value) => `${escaped(value.slice(0, 1))}.*`,
  (value) => `${escaped(value.slice(0, -1))}.`,
  (value, other) => `${escaped(value)}|${escaped(other)}`,
  (value) => `(?i)${escaped(value)}`,
  (value) => `^${escaped(value)}$`,
  () => '[a-z]+',
  () => '[0-9]{1,3}',
  () => '.+',
  () => '.*',
  () => '\\w*',
  () => '\\d+',
  (value) => `!${value}`,
  (_, other) => `!${other}`,
  (value) => `?${value}`,
  (value) => `!?${value}`,
  (value) => `?!${value}`,
  () => '![0-9]+',
  () => '!.*',
  (value) => ({ value, not: true }),
  (value) => ({ value, not: false, optional: true }),
  (value) => ({ value: `${escaped(value.slice(0, 1))}.*`, not: true }),
  () => ({ schema: { type: 'integer' } }),
  () => ({ schema: { type: 'string', pattern: '^[a-c]+$' } }),
  () => ({ schema: { type: 'string', minLength: 2 } }),
  () => ({ schema: { type: 'number', minimum: 2 } }),
  (value) => ({ schema: { type: 'string', enum: [value || 'x'] } }),
  () => ({ not: true, schema: { type: 'integer' } }),
  (_, other) => other,
  () => '',
]

/** Some form of asking for `value`, or for what it is not. Most forms it fits; some it does not. */
export const textMatcher = (from: Draw, value: string, other: string): unknown =>
  from.chance(3) ? value : from.pick(forms)(value, other, from)

/**
 * Some form of asking for a name. `!?` and blank names are left out: what they mean is anybody's guess. A name that must
 * be absent comes with any value; `all` fits every name of that world.
 */
export const nameMatcher = (from: Draw, name: string, all: string): string => {
  if (from.chance(6)) return name
  return from.pick([`!${name}`, `?${name}`, `${name.slice(0, -1)}.`, name.toUpperCase(), `${name}|zz`, all])
}
