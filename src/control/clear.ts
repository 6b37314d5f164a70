import type { Filter } from '../decide/matching/filter.ts'
import { chosenOf, filterJson, fittingJudge, meant, readFilter } from './filtered.ts'
import type { Call, Context, Handler } from './ports.ts'
import type { Reply } from './reply.ts'

/** In the order in which MockServer lists them. */
const TYPES = ['log', 'expectations', 'all'] as const
const DONE: Reply = { status: 200 }
const PARTS = { all: ['logs', 'expectations'], log: ['logs'], expectations: ['expectations'] } as const

const matching = (filter: Filter | undefined): { readonly format: string; readonly document: unknown } => {
  return { format: 'match:{}', document: filter === undefined ? {} : filterJson(filter) }
}

const idsOf = (filter: Filter, { nowMs }: Call, context: Context): ReadonlySet<string> => {
  const found = context.store.list(nowMs).filter(meant(filter, context))
  return new Set(found.map(({ expectation }) => expectation.id))
}

/** Drops what a filter means, or everything, of the expectations, of the log, or of both. */
export const clear: Handler = (call, context) => {
  const type = chosenOf(call, 'type', TYPES, 'all')
  if ('reply' in type) return type.reply
  const read = readFilter(call, context)
  if ('reply' in read) return read.reply
  const { store, log, registries } = context
  const { filter } = read
  // First, while ids still say what they mean.
  if (type.value !== 'expectations') {
    const judge = fittingJudge(context)
    if (filter === undefined) log.clear()
    // What cannot be told apart any more stays: it may be somebody else's.
    else log.remove((entry) => judge(filter, entry) === 'yes')
  }
  if (type.value !== 'log') {
    const ids = filter === undefined ? 'all' : idsOf(filter, call, context)
    if (ids === 'all') store.clear()
    else store.remove(ids)
    for (const registry of registries) registry.cleared(ids)
  }
  const what = filter?.kind === 'id' ? { format: 'have id:{}', document: filter.id } : matching(filter)
  for (const part of PARTS[type.value])
    log.note('CLEARED', call.nowMs, `cleared ${part} that ${what.format}`, what.document)
  return DONE
}

export const reset: Handler = (call, { store, log, tally, registries }) => {
  store.reset()
  log.clear()
  tally.reset()
  for (const registry of registries) registry.reset()
  log.note('CLEARED', call.nowMs, 'resetting all expectations and request logs')
  return DONE
}
