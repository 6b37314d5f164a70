/** Names with values, in the forms in which they can be asked for. */
import type { Draw } from './draw.ts'
import { nameMatcher, textMatcher } from './texts.ts'

export type Pair = readonly [name: string, value: string]

/** `all`: a pattern of every one of the names. */
export interface World {
  readonly all: string
  readonly names: readonly string[]
  readonly values: readonly string[]
}

export const drawnPair = (from: Draw, { names, values }: World): Pair => [from.pick(names), from.pick(values)]

export const drawnPairs = (from: Draw, world: World, most: number): Pair[] =>
  Array.from({ length: from.below(most + 1) }, () => drawnPair(from, world))

const NUMERIC = ['> 5', '>= 10', '< 5', '<= 1', '== 1', '>0.5', '!> 5', '!== 1', '> -1']

const value = (from: Draw, actual: string, world: World): unknown =>
  from.chance(1) ? from.pick(NUMERIC) : textMatcher(from, actual, from.pick(world.values))

/** Names that are no other spelling of one another, as the keys of one map. */
const drawnNames = (from: Draw, world: World): string[] => {
  const names = new Map<string, string>()
  for (let left = 1 + from.below(2); left > 0; left--) {
    const name = nameMatcher(from, from.pick(world.names), world.all)
    names.set(name.replace(/^[!?]/, '').toLowerCase(), name)
  }
  const all = [...names.values()]
  // One that must be absent beside one that may be is a quirk of its own.
  return all.some((name) => name.startsWith('!')) ? all.filter((name) => !name.startsWith('?')) : all
}

/** One name may ask for two values, two names for one each: more, and servers differ in who may serve whom. */
const valuesOf = (from: Draw, world: World, name: string, isOnly: boolean): unknown[] => {
  if (name.startsWith('!')) return ['.*']
  const one = (): unknown => value(from, from.pick(world.values), world)
  return isOnly && !name.startsWith('?') && from.chance(4) ? [one(), one()] : [one()]
}

/** A map or a list of names with one or several values each. */
export const multiMatcher = (from: Draw, world: World): unknown => {
  const names = drawnNames(from, world)
  const named = names.map((name) => [name, valuesOf(from, world, name, names.length === 1)] as const)
  if (from.chance(3)) return named.map(([name, values]) => ({ name, values }))
  const map = Object.fromEntries(
    named.map(([name, values]) => [name, values.length === 1 && typeof values[0] === 'string' ? values[0] : values]),
  )
  const isAbsent = names.some((name) => name.startsWith('!'))
  return from.chance(2) && !isAbsent && names.length === 1
    ? { keyMatchStyle: from.pick(['SUB_SET', 'MATCHING_KEY']), ...map }
    : map
}

/** A map or a list of names with one value each. */
export const singleMatcher = (from: Draw, world: World): unknown => {
  const named = drawnNames(from, world).map((name) => [name, valuesOf(from, world, name, false)[0]] as const)
  return from.chance(3) ? named.map(([name, value]) => ({ name, value })) : Object.fromEntries(named)
}
