/**
 * Cuts a list of objects into its parts while it arrives. Of `{"kind":…,"metadata":{…},"items":[{…},{…}]}` each element of
 * `items` is handed over as text of its own, and kind and metadata are kept; so the whole list is never in memory. What is
 * in a part is for JSON.parse to judge.
 */
import { createByteStore } from './byte-store.ts'
import { createJsonPart } from './json-part.ts'
import { type Expected, stepOf } from './list-grammar.ts'

export interface ListLimits {
  /** Bytes of one item. */
  readonly itemBytes: number
  /** Bytes of one whole list. */
  readonly listBytes: number
  /** Brackets within brackets. */
  readonly depth: number
}

export type ScanFault = 'malformed' | 'too_large'

export interface ListScanner {
  /** What is wrong, once something is; nothing is handed over from then on. */
  push(chunk: Uint8Array): ScanFault | undefined
  /** The text of `kind` and `metadata`, JSON both, where the list ended well and had them. */
  end(): { readonly kind?: string; readonly metadata?: string } | ScanFault
}

/** A key of the list that is longer is none that we know. */
const MOST_KEY_BYTES = 256
const MOST_METADATA_BYTES = 64 * 1024

/** Of one value: what it is for. Values that nobody asked for are passed over, whatever their length. */
type Part = 'key' | 'item' | 'kept' | 'passed'

interface Gathering {
  readonly part: Part
  readonly limit: number
}

/** The parts of a list that are kept, by their key. */
const createKept = () => {
  const kept = new Map<string, string>()
  let key = ''
  let hasItems = false
  return {
    /** False the second time that there are items. */
    setKey: (text: string): boolean => {
      key = text
      const isFirst = key !== '"items"' || !hasItems
      hasItems ||= key === '"items"'
      return isFirst
    },
    keep: (text: string) => void kept.set(key, text),
    get isItems() {
      return key === '"items"'
    },
    get isKept() {
      return key === '"kind"' || key === '"metadata"'
    },
    parts: () => {
      const kind = kept.get('"kind"')
      const metadata = kept.get('"metadata"')
      return { ...(kind !== undefined && { kind }), ...(metadata !== undefined && { metadata }) }
    },
  }
}

/** `item` is called with the JSON text of each; what it throws goes through. */
export const createListScanner = (limits: ListLimits, item: (text: string) => void): ListScanner => {
  const store = createByteStore(Math.max(limits.itemBytes, MOST_METADATA_BYTES))
  const value = createJsonPart(limits.depth)
  const kept = createKept()
  let expected: Expected = 'list'
  let gathering: Gathering | undefined
  let fault: ScanFault | undefined
  let bytes = 0

  /** One byte that belongs to no part; a part may begin with it. */
  const between = (byte: number): void => {
    const step = stepOf(expected, byte, kept.isItems)
    if (step === 'malformed') fault = step
    else if ('next' in step) expected = step.next
    else {
      const part = step.part !== 'value' ? step.part : kept.isKept ? 'kept' : 'passed'
      const limit = { key: MOST_KEY_BYTES, item: limits.itemBytes, kept: MOST_METADATA_BYTES, passed: 0 }[part]
      gathering = { part, limit }
      value.begin(byte)
    }
  }
  const finish = (part: Part): void => {
    gathering = undefined
    expected = part === 'key' ? 'colon' : part === 'item' ? 'item-comma' : 'comma'
    if (part === 'passed') return
    const text = store.takeText()
    if (part === 'item') item(text)
    else if (part === 'kept') kept.keep(text)
    else if (!kept.setKey(text)) fault = 'malformed'
  }
  /** The part goes on at `first`; what is before `from` is known to be of it. Returns where it ends. */
  const gather = (chunk: Uint8Array, { part, limit }: Gathering, first: number, from: number): number => {
    const { end, state } = value.read(chunk, from)
    const isTooLong =
      part !== 'passed' && (store.length + end - first > limit || !store.append(chunk.subarray(first, end)))
    if (state === 'too_deep' || isTooLong) fault = 'too_large'
    else if (state === 'over') finish(part)
    return end
  }
  return {
    push: (chunk) => {
      bytes += chunk.length
      if (bytes > limits.listBytes) fault ??= 'too_large'
      for (let at = 0; !fault && at < chunk.length; ) {
        const first = at
        if (!gathering) between(chunk[at++] ?? 0)
        if (gathering && !fault) at = gather(chunk, gathering, first, at)
      }
      if (fault) store.clear()
      return fault
    },
    end: () => fault ?? (expected === 'nothing' && !gathering ? kept.parts() : 'malformed'),
  }
}
