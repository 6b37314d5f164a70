/** Arguments of a tool's methods. */
import { charge, type Meter, TemplateStop } from '../meter.ts'
import { numberOf, textOfValue, type Value } from '../value.ts'

/** An argument as text; nothing is the empty text. Its length is accounted for. */
export function textAt(args: readonly Value[], at: number, meter: Meter): string {
  const text = textOfValue(args[at], meter)
  charge(meter, text.length)
  return text
}

export function numberAt(args: readonly Value[], at: number): number {
  const number = numberOf(args[at])
  if (number === undefined) throw new TemplateStop('a number is expected')
  return number
}
