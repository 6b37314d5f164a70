/** Findings as a table for people. Pure. */
import type { FeatureState, Finding } from '../kernel/features.ts'

export interface Diagnosis {
  readonly version: string
  /** Whether `understudy run` works here, as proved by a self-test. */
  readonly works: boolean
  /** How it would capture connections, where it works. */
  readonly capture?: string
  readonly isRoot: boolean
  readonly findings: readonly Finding[]
}

const COLOURS: Readonly<Record<FeatureState, string>> = { ok: '32', missing: '31', unknown: '33' }
const STATE_WIDTH = 9
const TITLES = { feature: 'FEATURE', since: 'SINCE', here: 'HERE' } as const

/** The table, and under each line that is not ok what is done without it and what would help. */
export const renderDiagnosis = (diagnosis: Diagnosis, options: { readonly colour: boolean }): string => {
  const { findings } = diagnosis
  const width = Math.max(TITLES.feature.length, ...findings.map(({ feature }) => feature.length)) + 2
  const since = Math.max(TITLES.since.length, ...findings.map((finding) => finding.since.length)) + 2
  const paint = (state: FeatureState): string => {
    const word = state.padEnd(STATE_WIDTH)
    return options.colour ? `\x1b[${COLOURS[state]}m${word}\x1b[0m` : word
  }
  const indent = ' '.repeat(STATE_WIDTH)
  const title = `${indent}${TITLES.feature.padEnd(width)}${TITLES.since.padEnd(since)}${TITLES.here}`
  const lines = findings.flatMap((finding) => [
    `${paint(finding.state)}${finding.feature.padEnd(width)}${(finding.since || '-').padEnd(since)}${finding.here}`,
    ...(finding.instead === '' ? [] : [`${indent}  instead: ${finding.instead}`]),
    ...(finding.remedy === '' ? [] : [`${indent}  remedy:  ${finding.remedy}`]),
  ])
  return [title, ...lines, '', verdict(diagnosis), ''].join('\n')
}

const verdict = ({ works, capture = 'ebpf', isRoot, findings }: Diagnosis): string => {
  if (works && capture === 'ebpf') return '`understudy run` works here.'
  if (works) return `\`understudy run\` works here without BPF, by ${capture} (docs/capture.md).`
  const lacking = findings.filter(
    ({ required, state, feature }) => required && state === 'missing' && feature !== 'self-test',
  )
  const names = lacking.map(({ feature }) => feature).join(', ')
  if (isRoot) return `\`understudy run\` does not work here${names ? `: ${names}` : ''}. \`understudy serve\` does.`
  const skipped = findings.filter(({ state }) => state === 'unknown').length
  return [
    'Not root: `understudy run` does not work for this user. `understudy serve` does.',
    `Skipped, because only root may ask: the ${skipped} lines that say unknown. With sudo they are asked, too.`,
  ].join('\n')
}
