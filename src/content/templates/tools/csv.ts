/** `csv`: rows of fields (RFC 4180). */
import { isList, textOfValue, tool, type Value } from '../value.ts'
import { textAt } from './arguments.ts'

export const csvTool = tool('csv', {
  parse: (args, meter) => {
    const text = textAt(args, 0, meter)
    const rows = parseCsv(text)
    for (const row of rows) meter.step(1 + row.length)
    return rows
  },
  row: (args, meter) => {
    const [fields] = args
    if (!isList(fields)) return ''
    return fields.map((field) => quoted(textOfValue(field, meter))).join(',')
  },
})

function quoted(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}

function parseCsv(text: string): Value[][] {
  const rows: Value[][] = []
  let row: Value[] = []
  const field = /(?:"((?:[^"]|"")*)"?|([^,\r\n]*))[^,\r\n]*(,|\r?\n|\r|$)/y
  for (field.lastIndex = 0; field.lastIndex < text.length; ) {
    const found = field.exec(text)
    if (!found) break
    const [, inQuotes, plain = '', end = ''] = found
    row.push(inQuotes === undefined ? plain : inQuotes.replaceAll('""', '"'))
    const isLast = field.lastIndex >= text.length
    if (end === ',') {
      if (isLast) row.push('')
      else continue
    }
    rows.push(row)
    row = []
  }
  if (row.length > 0) rows.push(row)
  return rows
}
