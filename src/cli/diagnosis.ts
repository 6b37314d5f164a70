/** Findings as a table for people. Pure. */
import type { FeatureState, Finding } from '../kernel/features.ts'
import type { StrategyFinding } from './strategies.ts'

export interface Diagnosis {
  readonly version: string
  /** Whether `understudy run` works here, as proved by a self-test. */
  readonly works: boolean
  /** How it would capture connections, where it works. */
  readonly capture?: string
  readonly isRoot: boolean
  readonly findings: readonly Finding[]
  /** In the order in which they are asked. */
  readonly strategies: readonly StrategyFinding[]
}

const COLOURS: Readonly<Record<FeatureState, string>> = { ok: '32', missing: '31', unknown: '33' }
const STATE_WIDTH = 9
const INDENT = ' '.repeat(STATE_WIDTH)
const TITLES = { feature: 'FEATURE', since: 'SINCE', here: 'HERE' } as const
const STRATEGY = 'STRATEGY'

type Paint = (state: FeatureState) => string

/** As wide as the widest of them, and a gap. */
const widthOf = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length)) + 2

/** What stands below a line that is not as it should be. */
const below = (word: string, text: string): string[] => (text === '' ? [] : [`${INDENT}  ${word.padEnd(9)}${text}`])

const featureLines = (findings: readonly Finding[], paint: Paint): string[] => {
  const width = widthOf([TITLES.feature, ...findings.map(({ feature }) => feature)])
  const since = widthOf([TITLES.since, ...findings.map((finding) => finding.since)])
  return [
    `${INDENT}${TITLES.feature.padEnd(width)}${TITLES.since.padEnd(since)}${TITLES.here}`,
    ...findings.flatMap((finding) => [
      `${paint(finding.state)}${finding.feature.padEnd(width)}${(finding.since || '-').padEnd(since)}${finding.here}`,
      ...below('instead:', finding.instead),
      ...below('remedy:', finding.remedy),
    ]),
  ]
}

const strategyLines = (strategies: readonly StrategyFinding[], paint: Paint): string[] => {
  const width = widthOf([STRATEGY, ...strategies.map(({ name }) => name)])
  return [
    `${INDENT}${STRATEGY.padEnd(width)}${TITLES.here}`,
    ...strategies.flatMap(({ name, state, said, remedy }) => [
      `${paint(state)}${name.padEnd(width)}${said}`,
      ...below('remedy:', remedy),
    ]),
  ]
}

/**
 * Two tables, features and strategies, and under each line that is not ok what is done without it and what would help;
 * then the verdict.
 */
export const renderDiagnosis = (diagnosis: Diagnosis, options: { readonly colour: boolean }): string => {
  const paint: Paint = (state) => {
    const word = state.padEnd(STATE_WIDTH)
    return options.colour ? `\x1b[${COLOURS[state]}m${word}\x1b[0m` : word
  }
  const { findings, strategies } = diagnosis
  return [...featureLines(findings, paint), '', ...strategyLines(strategies, paint), '', verdict(diagnosis), ''].join(
    '\n',
  )
}

const verdict = ({ works, capture = 'ebpf', isRoot, findings, strategies }: Diagnosis): string => {
  if (works && capture === 'ebpf') return '`understudy run` works here.'
  if (works) return `\`understudy run\` works here without BPF, by ${capture} (docs/capture.md).`
  const lacking = findings.filter(
    ({ required, state, feature }) => required && state === 'missing' && feature !== 'self-test',
  )
  const names = lacking.map(({ feature }) => feature).join(', ')
  if (isRoot) return `\`understudy run\` does not work here${names ? `: ${names}` : ''}. \`understudy serve\` does.`
  const skipped = [...findings, ...strategies].filter(({ state }) => state === 'unknown').length
  return [
    'Not root: `understudy run` does not work for this user. `understudy serve` does.',
    `Skipped, because only root may ask: the ${skipped} lines that say unknown. With sudo they are asked, too.`,
  ].join('\n')
}
