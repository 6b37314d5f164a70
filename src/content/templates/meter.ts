/** Bounds of one rendering: how much it may do, and how much it may write. Counted, so that they hold on any machine. */

/** Ends a rendering; its message is the problem that is told. */
export class TemplateStop extends Error {}

export interface Meter {
  /** One step, or as many as the work is worth; throws TemplateStop when there have been too many. */
  step(cost?: number): void
  /** Goes one level down, to a macro or into a list within a list. */
  nested<T>(work: () => T): T
}

/** Measured: at worst half a microsecond each. */
const MAX_STEPS = 400_000
const MAX_DEPTH = 100
/** Characters that one step may copy. */
const CHARACTERS_PER_STEP = 32
/** Characters; what is rendered, and the longest text a template may hold on the way. */
export const MAX_OUTPUT = 4 * 1024 * 1024

/** For one rendering. */
export function createMeter(): Meter {
  let steps = 0
  let depth = 0
  return {
    step(cost = 1) {
      steps += cost
      if (steps > MAX_STEPS) throw new TemplateStop('the template takes too many steps')
    },
    nested(work) {
      if (++depth > MAX_DEPTH) throw new TemplateStop(`the template goes more than ${MAX_DEPTH} levels deep`)
      try {
        return work()
      } finally {
        depth--
      }
    },
  }
}

/** Accounts for a text that is made or looked through, and refuses one that is too long. */
export function charge(meter: Meter, characters: number): void {
  if (characters > MAX_OUTPUT) throw new TemplateStop(`the template makes more than ${MAX_OUTPUT} characters of text`)
  meter.step(1 + Math.floor(characters / CHARACTERS_PER_STEP))
}

/** Text that grows by pieces. */
export interface Output {
  write(text: string): void
  text(): string
}

export function createOutput(meter: Meter): Output {
  let written = ''
  return {
    write(text) {
      if (written.length + text.length > MAX_OUTPUT) charge(meter, written.length + text.length)
      charge(meter, text.length)
      written += text
    },
    text: () => written,
  }
}
