import assert from 'node:assert/strict'
import { UnderstudyError } from '../../src/errors.ts'

/** The error that `work` throws, which must be ours. */
export const failure = (work: () => unknown): UnderstudyError => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof UnderstudyError, String(error))
    return error
  }
  assert.fail('nothing was thrown')
}
