/** What expressions and references of Velocity come to. */
import { callMethod, compare, propertyOf } from './members.ts'
import { charge, type Meter, TemplateStop } from './meter.ts'
import { isDecimal, isList, isMap, isTrue, numberOf, textOfValue, type Value, wholeOf } from './value.ts'
import type { Block, Expression, Operator, Reference } from './velocity-tree.ts'

export interface Scope {
  readonly meter: Meter
  /** Names that the template has set, or macros and loops have. */
  readonly own: Map<string, Value>
  readonly variable: (name: string) => Value
  /** Renders text within double quotes. */
  readonly rendered: (block: Block) => string
}

const MAX_RANGE = 100_000

/** Undefined where any part of it is not there. */
export function valueAt(reference: Reference, scope: Scope): Value {
  const { name, path, fallback } = reference
  let value = scope.own.has(name) ? scope.own.get(name) : scope.variable(name)
  for (const access of path) {
    if (value === undefined || value === null) break
    if (access.kind === 'property') value = propertyOf(value, access.name, scope.meter)
    else if (access.kind === 'index') value = itemOf(value, evaluate(access.at, scope), scope.meter)
    else {
      const args = access.args.map((argument) => evaluate(argument, scope))
      const found = callMethod(value, access.name, args, scope.meter)
      value = found === 'absent' ? undefined : found
    }
  }
  return fallback && !isTrue(value) ? evaluate(fallback, scope) : value
}

function itemOf(target: Value, at: Value, meter: Meter): Value {
  if (isList(target)) {
    const index = numberOf(at)
    if (index === undefined) return undefined
    return target.at(index)
  }
  return isMap(target) ? propertyOf(target, textOfValue(at, meter), meter) : undefined
}

export function evaluate(expression: Expression, scope: Scope): Value {
  scope.meter.step()
  switch (expression.kind) {
    case 'constant':
      return expression.value
    case 'text':
      return scope.rendered(expression.body)
    case 'reference':
      return valueAt(expression.reference, scope)
    case 'list':
      return expression.items.map((item) => evaluate(item, scope))
    case 'range':
      return rangeOf(evaluate(expression.from, scope), evaluate(expression.to, scope), scope.meter)
    case 'map':
      return new Map(
        expression.entries.map(([name, value]) => [
          textOfValue(evaluate(name, scope), scope.meter),
          evaluate(value, scope),
        ]),
      )
    case 'not':
      return !isTrue(evaluate(expression.of, scope))
    case 'minus':
      return arithmetic('-', 0, evaluate(expression.of, scope))
    case 'binary':
      return binary(expression, scope)
  }
}

function rangeOf(from: Value, to: Value, meter: Meter): Value {
  const start = wholeOf(from, 'the start of a range')
  const end = wholeOf(to, 'the end of a range')
  const length = Math.abs(end - start) + 1
  if (length > MAX_RANGE) throw new TemplateStop(`a range of more than ${MAX_RANGE} numbers`)
  meter.step(length)
  const step = end < start ? -1 : 1
  return Array.from({ length }, (_, at) => start + at * step)
}

function binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  if (operator === '||') return isTrue(evaluate(left, scope)) || isTrue(evaluate(right, scope))
  if (operator === '&&') return isTrue(evaluate(left, scope)) && isTrue(evaluate(right, scope))
  const one = evaluate(left, scope)
  const other = evaluate(right, scope)
  switch (operator) {
    case '==':
      return areEqual(one, other, scope.meter)
    case '!=':
      return !areEqual(one, other, scope.meter)
    case '<':
    case '>':
    case '<=':
    case '>=':
      return ordered(operator, one, other)
    case '+':
      if (isNumeric(one) && isNumeric(other)) return arithmetic('+', one, other)
      return joined(textOfValue(one, scope.meter), textOfValue(other, scope.meter), scope.meter)
    case '-':
    case '*':
    case '/':
    case '%':
      return arithmetic(operator, one, other)
  }
}

function joined(one: string, other: string, meter: Meter): string {
  charge(meter, one.length + other.length)
  return one + other
}

const isNumeric = (value: Value): boolean => typeof value === 'number' || isDecimal(value)

function areEqual(one: Value, other: Value, meter: Meter): boolean {
  if (one === undefined || one === null || other === undefined || other === null)
    return (one ?? null) === (other ?? null)
  if (isNumeric(one) && isNumeric(other)) return numberOf(one) === numberOf(other)
  const [left, right] = [textOfValue(one, meter), textOfValue(other, meter)]
  charge(meter, Math.min(left.length, right.length))
  return left === right
}

function ordered(operator: '<' | '>' | '<=' | '>=', one: Value, other: Value): boolean {
  const [left, right] = [numberOf(one), numberOf(other)]
  let order: number
  if (left !== undefined && right !== undefined) order = left - right
  else if (typeof one === 'string' && typeof other === 'string') order = compare(one, other)
  else return false
  switch (operator) {
    case '<':
      return order < 0
    case '>':
      return order > 0
    case '<=':
      return order <= 0
    case '>=':
      return order >= 0
  }
}

/** Whole numbers stay whole, as Java's do: 7 / 2 is 3. Nothing comes of what is no number, or of a division by zero. */
function arithmetic(operator: Exclude<Operator, '||' | '&&'>, one: Value, other: Value): Value {
  const [left, right] = [numberOf(one), numberOf(other)]
  if (left === undefined || right === undefined) return null
  const isWhole = Number.isInteger(left) && Number.isInteger(right) && !isDecimal(one) && !isDecimal(other)
  if (isWhole && right === 0 && (operator === '/' || operator === '%')) return null
  const result = calculated(operator, left, right)
  if (isWhole) return Math.trunc(result)
  return Number.isInteger(result) ? { decimal: result } : result
}

function calculated(operator: Exclude<Operator, '||' | '&&'>, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    case '/':
      return left / right
    default:
      return left % right
  }
}
