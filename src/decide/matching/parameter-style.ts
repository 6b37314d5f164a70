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
] as const
export type ParameterStyle = (typeof PARAMETER_STYLES)[number]

/** The values in `value`, which is one entry of the name `name`. Exploded query styles repeat the name instead. */
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
