/** Compares the answers of two servers to one case, with the differences that are wanted. */
import { isDeepStrictEqual } from 'node:util'
import { type Answer, type Answered, type Case, isCall, type Step } from './exchange.ts'

/** One exchange, as a wanted difference sees it. */
export interface Seen {
  readonly step: Step
  /** What was asked before in the same case. */
  readonly before: readonly Step[]
  readonly real: Answer
  readonly ours: Answer
}

/** A difference that users are told of in docs/mockserver-compatibility.md. */
export interface Wanted {
  readonly name: string
  /** Why it is wanted. */
  readonly reason: string
  /** What of MockServer this is about; all versions that are compared, where left out. */
  readonly versions?: readonly string[]
  /** Turns the real answer into the one that is wanted here; it must then be given to the letter. */
  rewrite?(real: Answered, seen: Seen): Answered
  /** Met with nearly every exchange: one that differs in nothing else counts as the same. */
  readonly isEverywhere?: boolean
  /**
   * Whether it explains all of the difference. Where it is one of a call, the case goes on from another state, so what
   * differs after it counts as the same.
   */
  explains?(seen: Seen): boolean
}

/** `real` as far as the wanted differences explain it. */
export interface Difference extends Seen {
  readonly one: Case
  /** Of its steps. */
  readonly at: number
}

export interface Comparison {
  readonly exchanges: number
  readonly same: number
  /** How many exchanges each wanted difference was met in; all of the table. */
  readonly wanted: ReadonlyMap<string, number>
  readonly unexpected: readonly Difference[]
}

export interface Comparing {
  add(one: Case, real: readonly Answer[], ours: readonly Answer[]): void
  result(): Comparison
}

/** The wanted differences that explain an exchange, or what is left of the real answer where they do not. */
type Judged = { readonly names: readonly string[]; readonly isLasting?: boolean } | { readonly unexplained: Answer }

/** Compares cases one after the other. */
export const comparing = (table: readonly Wanted[], version: string): Comparing => {
  const rows = table.filter(({ versions }) => versions === undefined || versions.includes(version))
  const wanted = new Map(rows.filter(({ isEverywhere }) => !isEverywhere).map(({ name }) => [name, 0]))
  const unexpected: Difference[] = []
  let exchanges = 0
  let same = 0

  const count = (names: readonly string[]): void => {
    for (const name of names) wanted.set(name, (wanted.get(name) ?? 0) + 1)
  }
  const judge = (seen: Seen): Judged => {
    if (isDeepStrictEqual(seen.real, seen.ours)) return { names: [] }
    const names: string[] = []
    let { real } = seen
    for (const { name, rewrite, isEverywhere = false } of rows) {
      if (!rewrite || 'failed' in real) continue
      const rewritten = rewrite(real, seen)
      if (!isEverywhere && !isDeepStrictEqual(rewritten, real)) names.push(name)
      real = rewritten
    }
    if (isDeepStrictEqual(real, seen.ours)) return { names }
    const row = rows.find(({ explains }) => explains?.({ ...seen, real }))
    return row
      ? { names: [row.name], isLasting: isCall(seen.step) && !/retrieve|verify|status/.test(seen.step.target) }
      : { unexplained: real }
  }

  return {
    add: (one, realAnswers, ourAnswers) => {
      let lasting: readonly string[] | undefined
      for (const [at, step] of one.steps.entries()) {
        const [real, ours] = [realAnswers[at] ?? { failed: 'not asked' }, ourAnswers[at] ?? { failed: 'not asked' }]
        exchanges++
        const seen = { step, before: one.steps.slice(0, at), real, ours }
        const judged = judge(seen)
        if ('unexplained' in judged) {
          if (lasting) count(lasting)
          else unexpected.push({ ...seen, real: judged.unexplained, one, at })
          continue
        }
        if (judged.names.length === 0) same++
        else count(lasting ?? judged.names)
        if (judged.isLasting) lasting ??= judged.names
      }
    },
    result: () => ({ exchanges, same, wanted, unexpected }),
  }
}

/** Table rows that nothing was met of. */
export const neverMet = ({ wanted }: Comparison): string[] =>
  [...wanted].filter(([, times]) => times === 0).map(([name]) => name)

/** N exchanges, how many the same, which wanted differences, what else. */
export const summary = (comparison: Comparison, version: string): string => {
  const { exchanges, same, wanted, unexpected } = comparison
  const rows = [...wanted].filter(([, times]) => times > 0).toSorted((a, b) => b[1] - a[1])
  return [
    `MockServer ${version}: ${exchanges} exchanges, ${same} the same`,
    ...rows.map(([name, times]) => `  wanted: ${name}: ${times}`),
    ...neverMet(comparison).map((name) => `  in the table, not met: ${name}`),
    `  unexpected: ${unexpected.length}`,
  ].join('\n')
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** The lines of each that the other does not begin and end with. */
const apart = (real: string, ours: string): string[] => {
  if (real === ours) return []
  const [a, b] = [real.split('\n'), ours.split('\n')]
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++
  const part = (lines: string[], sign: string): string[] =>
    lines.slice(start, lines.length - end).map((line) => `${sign} ${line}`)
  return [`  (line ${start + 1})`, ...part(a, '-'), ...part(b, '+')]
}

const lines = (answer: Answer): string =>
  'failed' in answer
    ? `(${answer.failed})`
    : [
        `${answer.status} ${answer.reason}`,
        ...Object.entries(answer.headers).flatMap(([name, values]) => values.map((value) => `${name}: ${value}`)),
        '',
        shown(answer.body),
      ].join('\n')

const stepText = ({ method, target, headers = [], body }: Step): string => {
  const fields = headers.map(([name, value]) => ` [${name}: ${value}]`).join('')
  return `${method} ${target}${fields}${body === undefined ? '' : ` ${shown(body)}`}`
}

/** One difference with the calls that led to it: `-` is what MockServer says, `+` what we say. */
export const differenceText = ({ one, at, real, ours }: Difference): string =>
  [
    `--- ${one.name} step ${at}`,
    ...one.steps.filter((step, index) => index === at || (index < at && isCall(step))).map(stepText),
    ...apart(lines(real), lines(ours)),
  ].join('\n')
