/** Numbers by a pattern of Java's DecimalFormat: `#,##0.00`. */
import { TemplateStop } from './meter.ts'

/** The prefix and suffix stand for themselves; `%` multiplies by a hundred. */
export function formatNumber(value: number, pattern: string): string {
  const parts = /^([^#0,.]*)([#,]*[0,]*)(?:\.(0*)(#*))?([^#0,.]*)$/.exec(pattern)
  if (!parts || parts[2] === undefined) throw new TemplateStop(`not a number pattern: ${pattern.slice(0, 40)}`)
  const [, prefix = '', whole = '', zeros = '', hashes = '', suffix = ''] = parts
  if (zeros.length + hashes.length > 20) throw new TemplateStop('a number pattern of more than 20 decimals')
  const scaled = suffix.includes('%') ? value * 100 : value
  if (!Number.isFinite(scaled) || Math.abs(scaled) >= 1e21) return String(value)
  const [integer = '0', decimals = ''] = Math.abs(scaled)
    .toFixed(zeros.length + hashes.length)
    .split('.')
  const kept = decimals.replace(/0+$/, '').padEnd(zeros.length, '0')
  const minimum = [...whole].filter((character) => character === '0').length
  const digits = integer === '0' && minimum === 0 ? '' : integer.padStart(minimum, '0')
  const group = whole.includes(',') ? whole.length - whole.lastIndexOf(',') - 1 : 0
  const grouped = group > 0 ? digits.replace(new RegExp(`\\B(?=(?:\\d{${group}})+$)`, 'g'), ',') : digits
  const sign = scaled < 0 ? '-' : ''
  return `${prefix}${sign}${grouped}${kept === '' ? '' : `.${kept}`}${suffix}`
}
