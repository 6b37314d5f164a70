/**
 * Prints a JSON value the way MockServer serves one: two spaces a level, ` : ` after a name, arrays on the line they
 * start on. `value` must come from JSON or YAML: no cycles, no undefined.
 */
export const prettyJson = (value: unknown, indent = ''): string => printed(value, indent, inLine)

/** The same with a line for each item of an array: the way MockServer 8 shows a document that it refuses. */
export const expandedJson = (value: unknown, indent = ''): string => printed(value, indent, lineByLine)

type PrintItems = (items: readonly unknown[], indent: string) => string

const inLine: PrintItems = (items, indent) => `[ ${items.map((item) => prettyJson(item, indent)).join(', ')} ]`

const lineByLine: PrintItems = (items, indent) => {
  const inner = `${indent}  `
  return `[\n${items.map((item) => `${inner}${expandedJson(item, inner)}`).join(',\n')}\n${indent}]`
}

function printed(value: unknown, indent: string, printItems: PrintItems): string {
  if (Array.isArray(value)) return value.length === 0 ? '[ ]' : printItems(value, indent)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const inner = `${indent}  `
  const members = Object.entries(value).map(([name, item]) => {
    return `${inner}${JSON.stringify(name)} : ${printed(item, inner, printItems)}`
  })
  return members.length === 0 ? '{ }' : `{\n${members.join(',\n')}\n${indent}}`
}
