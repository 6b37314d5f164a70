import { chosenOf, judge, meant, readFilter } from './filtered.ts'
import type { Handler } from './ports.ts'
import type { Reply } from './reply.ts'

const TYPES = ['all', 'log', 'expectations'] as const
const DONE: Reply = { status: 200 }

/** Drops what a filter means, or everything, of the expectations, of the log, or of both. */
export const clear: Handler = (call, context) => {
  const type = chosenOf(call, 'type', TYPES, 'all')
  if ('reply' in type) return type.reply
  const read = readFilter(call, context)
  if ('reply' in read) return read.reply
  const { store, log } = context
  const { filter } = read
  if (type.value !== 'log') {
    if (filter === undefined) store.clear()
    else {
      const meansIt = meant(filter, context)
      const ids = store.list(call.nowMs).filter(meansIt)
      store.remove(new Set(ids.map(({ expectation }) => expectation.id)))
    }
  }
  if (type.value !== 'expectations') {
    if (filter === undefined) log.clear()
    // What cannot be told apart any more stays: it may be somebody else's.
    else log.remove((entry) => judge(filter, entry) === 'yes')
  }
  log.note(
    'CLEARED',
    call.nowMs,
    `cleared ${type.value} that match: ${filter === undefined ? 'everything' : 'a filter'}`,
  )
  return DONE
}

export const reset: Handler = (_call, { store, log }) => {
  store.reset()
  log.clear()
  return DONE
}
