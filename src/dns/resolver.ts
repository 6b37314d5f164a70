/**
 * What becomes of a query: passed to the resolver the workload asked and its answer passed back as it came, or, for a
 * name that exists only as an expectation, answered with a reserved address.
 */
import type { Workload } from '../flow.ts'
import { composeAnswer, readAnswer } from './answer.ts'
import { type AnswerCache, cacheKey, type Learnt } from './cache.ts'
import type { Intents } from './intents.ts'
import type { Ask, Asked } from './pending.ts'
import {
  CLASS_IN,
  HEADER_BYTES,
  isResponse,
  isTransfer,
  isTruncated,
  type Question,
  RCODE,
  rcodeOf,
  readQuestion,
  TYPE,
} from './question.ts'
import type { Reserved } from './reserved.ts'

/** What became of a query; `dropped` ones get no answer. */
export const DNS_ANSWERS = ['forwarded', 'cached', 'synthetic', 'failed', 'dropped'] as const
export type DnsAnswer = (typeof DNS_ANSWERS)[number]

/** Who asks, and how an answer gets back. */
export interface Client {
  readonly workload: Workload
  readonly hasIpv6: boolean
  readonly transport: 'udp' | 'tcp'
  /** Tells apart whose answers may be kept for whom: workload, transport and resolver. */
  readonly scope: string
  /** Asks the resolver that the client asked; undefined where there is none. */
  readonly ask: Ask | undefined
  reply(message: Buffer): void
  /** Called once, after the last reply or instead of one. */
  done(): void
}

export interface ResolverOptions {
  readonly isExpected: (name: string, workload: Workload) => boolean
  /** Names that are expected are not asked for upstream. */
  readonly isExpectedFirst: (workload: Workload) => boolean
  /** How long upstream may take before an expected name is answered without it. */
  readonly timeoutMs: number
  readonly maxInFlight: number
  readonly intents: Intents
  readonly reserved: Reserved
  readonly cache: AnswerCache
  readonly count: (answer: DnsAnswer) => void
  readonly onInFlightLimit: () => void
}

/** Handles one message of a client; never throws, whatever the bytes. */
export type Handle = (query: Buffer, client: Client) => void

/**
 * For names that are not expected: as long as resolv.conf(5) waits by default, so that a slow resolver is as useful
 * through us as without us, and a dead one ends in SERVFAIL, on which the client tries its next.
 */
const PATIENCE_MS = 5000
/** Short: the expectation may be gone, or the name come to exist. */
const SYNTHETIC_TTL_S = 5

/** An answer from upstream or from the cache. */
interface Found {
  readonly message: Buffer
  readonly isCached: boolean
  /** Reads what can be learnt from it, and keeps it; a function, because the client should not have to wait for that. */
  learn(): Learnt
}
const NOTHING: Learnt = { addresses: [], aliases: [], ttlS: 0 }
type OnFound = (found: Found | 'failed' | 'busy') => void

export const createResolver = (options: ResolverOptions): Handle => {
  const { isExpected, intents, count } = options
  const gate = createGate(options)
  const look = createLookUp(options, gate)

  const end = (client: Client, answer: DnsAnswer, message?: Buffer): void => {
    count(answer)
    if (message) client.reply(message)
    client.done()
  }
  const deliver = (client: Client, question: Question, found: Found): void => {
    const { message, isCached } = found
    client.reply(message)
    // Later, but in the same turn: no connection that follows from the answer can be looked at before.
    const { addresses, ttlS, aliases } = found.learn()
    if (addresses.length > 0) intents.remember(client.workload, question.name, addresses, ttlS, aliases)
    end(client, isCached ? 'cached' : 'forwarded')
  }
  const fail = (query: Buffer, question: Question | undefined, client: Client): void => {
    const { transport } = client
    end(client, 'failed', composeAnswer(query, question, { rcode: RCODE.SERVFAIL, transport }))
  }
  const pass = (query: Buffer, question: Question, client: Client): void =>
    look(query, question, client, PATIENCE_MS, (found) => {
      if (found === 'busy') end(client, 'dropped')
      else if (found === 'failed') fail(query, question, client)
      else deliver(client, question, found)
    })
  /** What has no readable question, or many answers: nothing to learn, but nothing to hold up either. */
  const passBlindly = (query: Buffer, question: Question | undefined, client: Client): void => {
    gate(query, question, client, PATIENCE_MS, (asked) => {
      if (asked === 'busy') end(client, 'dropped')
      else if (asked.kind === 'failed') fail(query, question, client)
      else if (asked.kind === 'ended') end(client, 'forwarded')
      else if (asked.isLast) end(client, 'forwarded', asked.message)
      else client.reply(asked.message)
    })
  }
  const answerExpected = createExpected(options, look, deliver, end)
  return (query, client) => {
    if (query.length < HEADER_BYTES || isResponse(query)) return end(client, 'dropped')
    const question = readQuestion(query)
    if (!question || isTransfer(question)) return passBlindly(query, question, client)
    if (question.class === CLASS_IN && !question.name.includes('\\') && isExpected(question.name, client.workload)) {
      return answerExpected(query, question, client)
    }
    pass(query, question, client)
  }
}

type Gate = (
  query: Buffer,
  question: Question | undefined,
  client: Client,
  timeoutMs: number,
  done: (asked: Asked | 'busy') => void,
) => void

const NO_RESOLVER: Asked = { kind: 'failed', why: 'unreachable' }

/** To upstream, within the bound on how many wait. */
const createGate = ({ maxInFlight, onInFlightLimit }: ResolverOptions): Gate => {
  let inFlight = 0
  return (query, question, { ask }, timeoutMs, done) => {
    if (!ask) return done(NO_RESOLVER)
    if (inFlight >= maxInFlight) {
      onInFlightLimit()
      return done('busy')
    }
    inFlight++
    ask(query, question, timeoutMs, (asked) => {
      if (asked.kind !== 'answered' || asked.isLast) inFlight--
      done(asked)
    })
  }
}

type LookUp = (query: Buffer, question: Question, client: Client, timeoutMs: number, done: OnFound) => void

/** Cache, then upstream. */
const createLookUp =
  ({ cache }: ResolverOptions, gate: Gate): LookUp =>
  (query, question, client, timeoutMs, done) => {
    const key = cacheKey(client.scope, query, question)
    const kept = cache.get(key, query, question)
    if (kept) return done({ message: kept.message, isCached: true, learn: () => kept })
    gate(query, question, client, timeoutMs, (asked) => {
      if (asked === 'busy') return done('busy')
      if (asked.kind !== 'answered') return done('failed')
      const { message } = asked
      done({ message, isCached: false, learn: () => learn(cache, key, message, question) })
    })
  }

const learn = (cache: AnswerCache, key: string, message: Buffer, question: Question): Learnt => {
  const read = readAnswer(message, question)
  if (!read) return NOTHING
  if (read.keepS > 0) cache.put(key, message, read.keepS, read.ttlsAt, read)
  return read
}

/**
 * Names of expectations. Upstream is asked first, as many of them exist; what it knows is passed on. A name that exists
 * without an address of the family asked for is left alone: an address of ours beside a real one would win against it.
 */
const createExpected = (
  { reserved, isExpectedFirst, timeoutMs }: ResolverOptions,
  look: LookUp,
  deliver: (client: Client, question: Question, found: Found) => void,
  end: (client: Client, answer: DnsAnswer, message?: Buffer) => void,
): ((query: Buffer, question: Question, client: Client) => void) => {
  const synthesize = (query: Buffer, question: Question, client: Client): void => {
    const addresses = reserved.reserve(question.name)
    const v6 = client.hasIpv6 ? addresses.v6 : undefined
    const address = question.type === TYPE.A ? addresses.v4 : question.type === TYPE.AAAA ? v6 : undefined
    const own = {
      rcode: RCODE.NOERROR,
      transport: client.transport,
      ...(address ? { address, ttlS: SYNTHETIC_TTL_S } : {}),
    }
    end(client, 'synthetic', composeAnswer(query, question, own))
  }
  return (query, question, client) => {
    if (isExpectedFirst(client.workload)) return synthesize(query, question, client)
    look(query, question, client, timeoutMs, (found) => {
      if (found === 'busy') return end(client, 'dropped')
      if (found === 'failed' || rcodeOf(found.message) !== RCODE.NOERROR) return synthesize(query, question, client)
      const isForAddress = question.type === TYPE.A || question.type === TYPE.AAAA
      if (isTruncated(found.message) || !isForAddress || found.learn().addresses.length > 0) {
        return deliver(client, question, found)
      }
      const [other, otherQuestion] = otherFamily(query, question)
      look(other, otherQuestion, client, timeoutMs, (sibling) => {
        const exists = typeof sibling !== 'string' && sibling.learn().addresses.length > 0
        if (exists) deliver(client, question, found)
        else synthesize(query, question, client)
      })
    })
  }
}

/** The same query for the other family of addresses. */
const otherFamily = (query: Buffer, question: Question): readonly [Buffer, Question] => {
  const type = question.type === TYPE.A ? TYPE.AAAA : TYPE.A
  const other = Buffer.from(query)
  other.writeUInt16BE(type, question.end - 4)
  return [other, { ...question, type }]
}
