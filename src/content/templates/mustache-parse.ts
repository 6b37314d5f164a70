/** Mustache as JMustache reads it: variables, sections, comments, other delimiters. No partials: there are no files here. */

export type MustachePart =
  | string
  | { readonly kind: 'variable'; readonly name: readonly string[]; readonly isEscaped: boolean }
  | {
      readonly kind: 'section'
      readonly name: readonly string[]
      readonly isInverted: boolean
      readonly parts: readonly MustachePart[]
    }

interface Open {
  readonly name: string
  readonly isInverted: boolean
  readonly line: number
  readonly parts: MustachePart[]
}

const MAX_SECTIONS = 50

/** The template as a tree, or what is wrong with it and where. */
export function parseMustache(
  text: string,
): { readonly parts: readonly MustachePart[] } | { readonly problem: string } {
  const stack: Open[] = [{ name: '', isInverted: false, line: 1, parts: [] }]
  let [open, close] = ['{{', '}}']
  let line = 1
  for (let at = 0; ; ) {
    const top = stack.at(-1)
    if (!top) return { problem: 'there is no template' }
    const start = text.indexOf(open, at)
    const plain = text.slice(at, start === -1 ? text.length : start)
    if (plain !== '') top.parts.push(plain)
    line += linesIn(plain)
    if (start === -1) break
    const from = start + open.length
    const isTriple = open === '{{' && text[from] === '{'
    const ending = isTriple ? '}}}' : close
    const end = text.indexOf(ending, from)
    if (end === -1) return { problem: `line ${line}: ${open} without ${ending}` }
    const inside = text.slice(isTriple ? from + 1 : from, end)
    at = end + ending.length
    if (!isTriple && inside.startsWith('=')) {
      const delimiters = /^=\s*([^\s=]{1,8})\s+([^\s=]{1,8})\s*=$/.exec(inside)
      if (!delimiters) return { problem: `line ${line}: not a pair of delimiters: ${shown(inside)}` }
      open = delimiters[1] ?? open
      close = delimiters[2] ?? close
    } else {
      const problem = addTag(stack, isTriple ? `&${inside}` : inside, line)
      if (problem !== undefined) return { problem: `line ${line}: ${problem}` }
    }
    line += linesIn(inside)
  }
  const [root, ...unclosed] = stack
  const last = unclosed.at(-1)
  if (last) return { problem: `line ${last.line}: {{#${shown(last.name)}}} is not closed` }
  return { parts: root?.parts ?? [] }
}

/** Adds what stands between delimiters; what is wrong with it, if anything. */
function addTag(stack: Open[], inside: string, line: number): string | undefined {
  const sign = /^[#^/!&>]/.test(inside) ? inside.charAt(0) : ''
  const name = (sign ? inside.slice(1) : inside).trim()
  const top = stack.at(-1)
  if (sign === '!' || !top) return undefined
  if (sign === '>') return 'partials ({{>}}) are not supported: there are no other templates'
  if (name === '') return 'a tag without a name'
  if (sign === '#' || sign === '^') {
    if (stack.length > MAX_SECTIONS) return `sections nested more than ${MAX_SECTIONS} deep`
    stack.push({ name, isInverted: sign === '^', line, parts: [] })
    return undefined
  }
  if (sign === '/') {
    if (stack.length === 1) return `{{/${shown(name)}}} closes nothing`
    if (top.name !== name) return `{{/${shown(name)}}} where {{/${shown(top.name)}}} was expected`
    stack.pop()
    const { isInverted, parts } = top
    stack.at(-1)?.parts.push({ kind: 'section', name: components(name), isInverted, parts })
    return undefined
  }
  top.parts.push({ kind: 'variable', name: components(name), isEscaped: sign !== '&' })
  return undefined
}

function components(name: string): readonly string[] {
  return name === '.' ? ['this'] : name.split('.')
}

function linesIn(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}

function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
