/**
 * When the kernel measures what the BPF programs cost. Two looks at the clock for each run make a short connection some 5 %
 * dearer, for every pod of the node, so it is a sample: a moment now and then.
 */

export interface MeasuredPrograms {
  /** Throws KERNEL_CALL_FAILED where the kernel cannot measure. */
  enableCosts(): void
  disableCosts(): void
}

const SAMPLE_MS = 1000
const EVERY_MS = 30_000

/**
 * Measures now, and for a second of each half minute until the returned function is called. Where the kernel cannot, `failed`
 * is told and it is not tried again.
 */
export const sampleCosts = (programs: MeasuredPrograms, failed: (error: unknown) => void): (() => void) => {
  let pause: NodeJS.Timeout | undefined
  const stop = (): void => {
    clearTimeout(pause)
    clearInterval(timer)
    programs.disableCosts()
  }
  const sample = (): void => {
    try {
      programs.enableCosts()
    } catch (error) {
      stop()
      failed(error)
      return
    }
    pause = setTimeout(() => programs.disableCosts(), SAMPLE_MS).unref()
  }
  const timer = setInterval(sample, EVERY_MS).unref()
  sample()
  return stop
}
