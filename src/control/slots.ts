/** A list that grows at its end and shrinks at its front, in one array that stays: a queue by numbers that never repeat. */

export interface Slots<T> {
  /** The number of the oldest, and of the one that comes next. */
  readonly first: number
  readonly next: number
  get(number: number): T | undefined
  set(number: number, value: T): void
  /** Returns its number. */
  push(value: T): number
  /** Takes the oldest out. */
  shift(): T | undefined
  /** Takes all out; numbers go on. */
  clear(): void
}

const SMALLEST = 1024

export const createSlots = <T>(): Slots<T> => {
  let array: (T | undefined)[] = new Array(SMALLEST)
  let first = 0
  let next = 0
  // A power of two long: the low bits of a number are its place, however large it has become.
  const placeOf = (number: number): number => number & (array.length - 1)
  const isIn = (number: number): boolean => number >= first && number < next

  const grow = (): void => {
    const larger: (T | undefined)[] = new Array(array.length * 2)
    for (let number = first; number < next; number++) larger[number & (larger.length - 1)] = array[placeOf(number)]
    array = larger
  }
  return {
    get first() {
      return first
    },
    get next() {
      return next
    },
    get: (number) => (isIn(number) ? array[placeOf(number)] : undefined),
    set: (number, value) => {
      if (isIn(number)) array[placeOf(number)] = value
    },
    push: (value) => {
      if (next - first === array.length) grow()
      array[placeOf(next)] = value
      return next++
    },
    shift: () => {
      if (first === next) return undefined
      const place = placeOf(first)
      const value = array[place]
      array[place] = undefined
      first++
      return value
    },
    clear: () => {
      array = new Array(SMALLEST)
      first = next
    },
  }
}
