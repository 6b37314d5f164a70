/** Character classes of Java's regular expressions: unions and intersections become alternatives and lookaheads. */
import { escapeOf, NotTranslatable, quoted } from './java-escapes.ts'

const MAX_DEPTH = 20

/** The class whose `[` is at `at`, in JavaScript's words, and where the source goes on. */
export function translateClass(source: string, at: number, depth = 0): { readonly text: string; readonly end: number } {
  if (depth > MAX_DEPTH) throw new NotTranslatable('classes nested too deeply')
  const isNegated = source[at + 1] === '^'
  const operands: Operand[] = [{ set: '', others: [] }]
  let index = at + (isNegated ? 2 : 1)
  for (let isFirst = true; ; isFirst = false) {
    const character = String.fromCodePoint(source.codePointAt(index) ?? 0)
    const operand = operands.at(-1)
    if (index >= source.length || !operand) throw new NotTranslatable('unterminated character class')
    if (character === ']' && !isFirst) break
    if (character === '[') {
      const inner = translateClass(source, index, depth + 1)
      operand.others.push(inner.text)
      index = inner.end
    } else if (source.startsWith('&&', index)) {
      operands.push({ set: '', others: [] })
      index += 2
    } else index = member(source, index, character, operand)
  }
  return { text: written(operands, isNegated), end: index + 1 }
}

/** One side of `&&`: what goes between brackets, and classes within the class. */
interface Operand {
  set: string
  readonly others: string[]
}

function member(source: string, index: number, character: string, operand: Operand): number {
  if (source.startsWith('\\Q', index)) {
    const end = source.indexOf('\\E', index + 2)
    for (const literal of source.slice(index + 2, end === -1 ? undefined : end)) operand.set += quoted(literal, true)
    return end === -1 ? source.length : end + 2
  }
  if (character === '\\') {
    const { length, text } = escapeOf(source, index, true)
    operand.set += text
    return index + length
  }
  operand.set += character === '-' ? character : quoted(character, true)
  return index + character.length
}

function written(operands: readonly Operand[], isNegated: boolean): string {
  const sides = operands.filter(({ set, others }) => set !== '' || others.length > 0).map(one)
  const only = operands[0]
  if (operands.length === 1 && only?.others.length === 0) return `[${isNegated ? '^' : ''}${only.set}]`
  const last = sides.pop() ?? '[]'
  const all = `${sides.map((side) => `(?=${side})`).join('')}${last}`
  return isNegated ? `(?:(?!${all})[\\s\\S])` : `(?:${all})`
}

function one({ set, others }: Operand): string {
  const parts = set === '' ? others : [`[${set}]`, ...others]
  return parts.length === 1 ? (parts[0] ?? '') : `(?:${parts.join('|')})`
}
