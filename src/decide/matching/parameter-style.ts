/** How one entry of a request holds several values: OpenAPI's parameter styles. */
export const PARAMETER_STYLES = [
  'SIMPLE',
  'SIMPLE_EXPLODED',
  'LABEL',
  'LABEL_EXPLODED',
  'MATRIX',
  'MATRIX_EXPLODED',
  'FORM',
  'FORM_EXPLODED',
  'SPACE_DELIMITED',
  'SPACE_DELIMITED_EXPLODED',
  'PIPE_DELIMITED',
  'PIPE_DELIMITED_EXPLODED',
  'DEEP_OBJECT',
] as const
export type ParameterStyle = (typeof PARAMETER_STYLES)[number]

/**
 * The values in `value`, which is one entry of the name `name`. Exploded query styles repeat the name instead, and deep
 * objects spread over several (`deepObjects`).
 */
export function splitStyled(style: ParameterStyle, name: string, value: string): readonly string[] {
  switch (style) {
    case 'SIMPLE':
    case 'SIMPLE_EXPLODED':
    case 'FORM':
      return value.split(',')
    case 'LABEL':
      return without('.', value).split(',')
    case 'LABEL_EXPLODED':
      return without('.', value).split('.')
    case 'MATRIX':
      return without(`;${name}=`, value).split(',')
    case 'MATRIX_EXPLODED':
      return without(`;${name}=`, value).split(`;${name}=`)
    case 'SPACE_DELIMITED':
      return value.split(/ |%20/)
    case 'PIPE_DELIMITED':
      return value.split('|')
    default:
      return [value]
  }
}

function without(prefix: string, value: string): string {
  return value.startsWith(prefix) ? value.slice(prefix.length) : value
}

const MEMBER = /^([^[\]]+)\[([^[\]]*)\]$/

/**
 * `a[b]=1&a[c]=x` as one more entry, `a` with the value `{"b":1,"c":"x"}`, for every name that `isDeep`. A value that is a
 * number, true, false or null in JSON is that; a member given several times is a list.
 */
export function deepObjects(entries: readonly string[], isDeep: (name: string) => boolean): readonly string[] {
  const objects = new Map<string, Map<string, unknown[]>>()
  for (let at = 0; at < entries.length; at += 2) {
    const [, name, key = ''] = MEMBER.exec(entries[at] ?? '') ?? []
    if (name === undefined || !isDeep(name)) continue
    const members = objects.get(name) ?? new Map<string, unknown[]>()
    const values = members.get(key) ?? []
    values.push(scalarOf(entries[at + 1] ?? ''))
    objects.set(name, members.set(key, values))
  }
  return [...objects].flatMap(([name, members]) => {
    const object = [...members].map(([key, values]): [string, unknown] => [key, values.length > 1 ? values : values[0]])
    return [name, JSON.stringify(Object.fromEntries(object))]
  })
}

function scalarOf(text: string): unknown {
  if (!/^(?:-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?|true|false|null)$/.test(text)) return text
  return JSON.parse(text) as unknown
}
