/**
 * The Prometheus text format, written by hand for families with thousands of series: prom-client keeps an object of labels
 * for each and formats all of them at each scrape (docs/performance.md has the comparison). Pure.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
import { bounded } from './text.ts'

export type FamilyType = 'counter' | 'gauge' | 'histogram'

/** `# HELP` and `# TYPE` of a family; its samples follow directly. */
export const familyHead = (name: string, type: FamilyType, help: string): string =>
  `# HELP ${name} ${help.replace(/[\\\n]/g, escaped)}\n# TYPE ${name} ${type}\n`

/** A value that came from outside: bounded, without controls and lone surrogates, escaped. At most 2 × `limit` characters. */
export const labelValue = (text: string, limit: number): string =>
  text.length <= limit && PLAIN.test(text)
    ? text
    : bounded(text, limit).toWellFormed().replace(CONTROLS, '?').replace(/[\\"]/g, escaped)

/** `a="x",b="y"`, without the braces, so that a bound of a histogram can be put behind; values as labelValue() makes them. */
export const labelPairs = (pairs: readonly (readonly [name: string, value: string])[]): string =>
  pairs.map(([name, value]) => `${name}="${value}"`).join(',')

/** Nearly all are. */
const PLAIN = /^[ !#-[\]-~]*$/

const escaped = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`)

/** No label has a use for them, and terminals and log viewers do. U+2028 and U+2029 end lines for some readers. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g
