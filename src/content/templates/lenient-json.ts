/**
 * JSON as MockServer reads what templates render: names and strings in single quotes or names in none, comments, a comma
 * before the end, line ends within strings, and a backslash before any character.
 */

const MAX_DEPTH = 200

export type ParsedJson = { readonly value: unknown } | { readonly problem: string }

/** Never throws. */
export function parseLenientJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    // Read again below, by laxer rules.
  }
  const reader: Reader = { text, at: 0 }
  try {
    const value = readValue(reader, 0)
    skipBlank(reader)
    if (reader.at < text.length) fail(reader, 'the end')
    return { value }
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: error.message }
    throw error
  }
}

interface Reader {
  readonly text: string
  at: number
}

function fail({ text, at }: Reader, expected: string): never {
  const line = text.slice(0, at).split('\n').length
  const found = at < text.length ? JSON.stringify(text.slice(at, at + 20)) : 'the end'
  throw new SyntaxError(`line ${line}: expected ${expected}, got ${found}`)
}

function skipBlank(reader: Reader): void {
  for (;;) {
    const code = reader.text.charCodeAt(reader.at)
    if (code === 0x2f) {
      const end = endOfComment(reader)
      if (end === undefined) return
      reader.at = end
    } else if (code === 0x20 || (code >= 9 && code <= 13) || code === 0xfeff) reader.at++
    else return
  }
}

function endOfComment({ text, at }: Reader): number | undefined {
  const isLine = text.startsWith('//', at)
  if (!isLine && !text.startsWith('/*', at)) return undefined
  const end = text.indexOf(isLine ? '\n' : '*/', at + 2)
  return end === -1 ? text.length : end + (isLine ? 1 : 2)
}

function readValue(reader: Reader, depth: number): unknown {
  if (depth > MAX_DEPTH) fail(reader, `at most ${MAX_DEPTH} levels`)
  skipBlank(reader)
  const { text, at } = reader
  const first = text[at]
  if (first === '{') return readObject(reader, depth)
  if (first === '[') return readList(reader, depth)
  if (first === '"' || first === "'") return readString(reader)
  WORD.lastIndex = at
  const word = WORD.exec(text)?.[0] ?? ''
  if (word === 'true' || word === 'false' || word === 'null') {
    reader.at += word.length
    return word === 'null' ? null : word === 'true'
  }
  if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(word)) fail(reader, 'a value')
  reader.at += word.length
  return Number(word)
}

const WORD = /[\w$.+-]{1,400}/y
const NAME = /[\w$-]{1,400}/y

function readObject(reader: Reader, depth: number): unknown {
  const entries: [string, unknown][] = []
  for (reader.at++; ; ) {
    skipBlank(reader)
    if (reader.text[reader.at] === '}') break
    const name = readName(reader)
    skipBlank(reader)
    if (reader.text[reader.at] !== ':') fail(reader, '":"')
    reader.at++
    entries.push([name, readValue(reader, depth + 1)])
    skipBlank(reader)
    if (reader.text[reader.at] === ',') reader.at++
    else if (reader.text[reader.at] !== '}') fail(reader, '"," or "}"')
  }
  reader.at++
  // fromEntries defines: a name such as __proto__ is one like any other.
  return Object.fromEntries(entries)
}

function readName(reader: Reader): string {
  const first = reader.text[reader.at]
  if (first === '"' || first === "'") return readString(reader)
  NAME.lastIndex = reader.at
  const name = NAME.exec(reader.text)?.[0] ?? fail(reader, 'a name')
  reader.at += name.length
  return name
}

function readList(reader: Reader, depth: number): unknown[] {
  const items: unknown[] = []
  for (reader.at++; ; ) {
    skipBlank(reader)
    if (reader.text[reader.at] === ']') break
    items.push(readValue(reader, depth + 1))
    skipBlank(reader)
    if (reader.text[reader.at] === ',') reader.at++
    else if (reader.text[reader.at] !== ']') fail(reader, '"," or "]"')
  }
  reader.at++
  return items
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['b', '\b'],
  ['f', '\f'],
])

function readString(reader: Reader): string {
  const { text } = reader
  const quote = text[reader.at]
  const opened = reader.at
  let value = ''
  let from = ++reader.at
  for (; reader.at < text.length; reader.at++) {
    const character = text[reader.at]
    if (character === quote) {
      value += text.slice(from, reader.at++)
      return value
    }
    if (character !== '\\') continue
    value += text.slice(from, reader.at++)
    const hex = /^u([0-9a-fA-F]{4})/.exec(text.slice(reader.at, reader.at + 5))?.[1]
    const escaped = text[reader.at] ?? ''
    value += hex === undefined ? (ESCAPES.get(escaped) ?? escaped) : String.fromCharCode(Number.parseInt(hex, 16))
    if (hex !== undefined) reader.at += 4
    from = reader.at + 1
  }
  reader.at = opened
  return fail(reader, 'a string that ends')
}
