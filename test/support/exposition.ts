/** Reads the Prometheus text format strictly, as a scraper does. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: Sample[]
}

const UNESCAPED: Readonly<Record<string, string>> = { n: '\n', '\\': '\\', '"': '"' }

const labelsOf = (text: string, line: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== '') {
    const [all, name = '', value = ''] = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[n"\\])*)"(?:,|$)/.exec(rest) ?? []
    if (all === undefined) throw new Error(`labels cannot be read: ${line}`)
    if (Object.hasOwn(labels, name)) throw new Error(`label ${name} twice: ${line}`)
    labels[name] = value.replace(/\\(.)/g, (_, character: string) => UNESCAPED[character] ?? '')
    rest = rest.slice(all.length)
  }
  return labels
}

/** Throws where a line is not of the format, a family is split or declared twice, or a series comes twice. */
export const parseExposition = (text: string): Map<string, Family> => {
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let help: readonly [string, string] | undefined
  let current: Family | undefined
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, helpName, helpText] = /^# HELP (\S+) (.*)$/.exec(line) ?? []
    if (helpName !== undefined) {
      help = [helpName, helpText ?? '']
      continue
    }
    const [, typeName, type = ''] = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (typeName !== undefined) {
      if (families.has(typeName) || help?.[0] !== typeName) throw new Error(`declared wrongly: ${line}`)
      current = { name: typeName, type, help: help[1], samples: [] }
      families.set(typeName, current)
      continue
    }
    const [, name = '', labels = '', value = ''] = /^([a-zA-Z_]\w*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    const family = current?.type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name
    if (!current || family !== current.name || Number.isNaN(Number(value))) throw new Error(`no sample: ${line}`)
    const sample = { name, labels: labelsOf(labels, line), value: Number(value) }
    const key = JSON.stringify([name, Object.entries(sample.labels).sort()])
    if (seen.has(key)) throw new Error(`a series twice: ${line}`)
    seen.add(key)
    current.samples.push(sample)
  }
  return families
}
