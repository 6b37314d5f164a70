/** `calc`: numbers, rounded, compared, formatted, and random ones. */
import { TemplateStop } from '../meter.ts'
import { formatNumber } from '../number-text.ts'
import { type Tool, tool, type Value } from '../value.ts'
import { numberAt, textAt } from './arguments.ts'

/** `randomBelow(n)` is one of 0 to n - 1. */
export function calcTool(randomBelow: (limit: number) => number): Tool {
  const fraction = (): number => randomBelow(2 ** 48) / 2 ** 48
  return tool('MathTemplateHelper', {
    randomInt: (args) => {
      const least = numberAt(args, 0)
      return least + randomBelow(Math.floor(numberAt(args, 1) - least) + 1)
    },
    randomDouble: (args) => {
      if (args.length === 0) return fraction()
      const least = numberAt(args, 0)
      return least + fraction() * (numberAt(args, 1) - least)
    },
    abs: (args) => Math.abs(numberAt(args, 0)),
    min: (args) => Math.min(numberAt(args, 0), numberAt(args, 1)),
    max: (args) => Math.max(numberAt(args, 0), numberAt(args, 1)),
    round: (args) => roundTo(numberAt(args, 0), args.length > 1 ? numberAt(args, 1) : 0),
    ceil: (args) => asDecimal(Math.ceil(numberAt(args, 0))),
    floor: (args) => asDecimal(Math.floor(numberAt(args, 0))),
    format: (args, meter) => formatNumber(numberAt(args, 0), textAt(args, 1, meter)),
  })
}

/** Half away from zero. */
export function roundTo(value: number, decimals: number): number {
  if (!(decimals >= 0 && decimals <= 20)) throw new TemplateStop('rounding is to 0 to 20 decimals')
  const scale = 10 ** Math.trunc(decimals)
  return (Math.sign(value) * Math.round(Math.abs(value) * scale + Number.EPSILON)) / scale
}

export function asDecimal(value: number): Value {
  return Number.isInteger(value) ? { decimal: value } : value
}
