/**
 * Prints a JSON value the way MockServer serves one: two spaces a level, ` : ` after a name, arrays on the line they
 * start on. `value` must come from JSON or YAML: no cycles, no undefined.
 */
export function prettyJson(value: unknown, indent = ''): string {
  if (Array.isArray(value)) {
    return value.length === 0 ? '[ ]' : `[ ${value.map((item) => prettyJson(item, indent)).join(', ')} ]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  const members = Object.entries(value).map(([name, item]) => {
    return `${inner}${JSON.stringify(name)} : ${prettyJson(item, inner)}`
  })
  return members.length === 0 ? '{ }' : `{\n${members.join(',\n')}\n${indent}}`
}
