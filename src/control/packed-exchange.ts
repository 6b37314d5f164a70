/** An exchange that is over as bytes in a block: a head of fixed size, then texts, body and answer. */
import type { Closest, Endpoint, Flow, RequestHead } from '../flow.ts'
import type { Block } from './blocks.ts'
import { correlationIdOf } from './correlation-id.ts'
import { KeptBytes } from './kept-bytes.ts'
import type { About, LoggedExchange, LoggedResponse, OpenExchange } from './logged-exchange.ts'

/** Places in the fixed part: of eight bytes each, then of four. */
const RECEIVED = 0
const ANSWERED = 1
const BODY_TOTAL = 2
const ANSWER_TOTAL = 3
const LENGTH = 8
const NUMBER = 9
const FLAGS = 10
const PORTS = 11
const ID_BYTES = 12
const TEXT_BYTES = 13
const BODY_BYTES = 14
/** What is there of the answer's head (or of all of it), and of its body. */
const ANSWER_BYTES = 15
const ANSWER_BODY_BYTES = 16
const FIXED_BYTES = 72

const DECISIONS: readonly About['decision'][] = ['mock', 'forward', 'refuse', 'relay']
const FLAG = { bodyCut: 4, id: 8, host: 16, plainTarget: 32, http10: 64, secure: 128, answerCut: 256, reason: 512 }
/** How the answer is kept, as a number above the flags. */
const ANSWER_KIND = 1024
const NO_ANSWER = 0
const INLINE = 1
const SHARED = 2
const STREAMED = 3

/** In no part of a head: a line end would have ended it. */
const BETWEEN = '\n'
const PRINTABLE = /^[\x20-\x7e]*$/

/** What is to be written, and how long it is. */
export interface Packing {
  readonly exchange: OpenExchange
  readonly text: string
  readonly id: string
  /** The head of a streamed answer. */
  readonly answerText: string
  /** A number that stands for an answer that many share. */
  readonly handle: number | undefined
  readonly flags: number
  readonly bytes: number
}

const kindOf = (response: LoggedResponse | undefined, handle: number | undefined): number => {
  if (!response) return NO_ANSWER
  if (response.kind === 'streamed') return STREAMED
  return handle === undefined ? INLINE : SHARED
}

const answerBytesOf = (response: LoggedResponse | undefined, handle: number | undefined, text: string): number => {
  if (response?.kind === 'whole') return handle === undefined ? response.bytes.length : 0
  return response ? text.length + response.body.held : 0
}

const isPlain = ({ target, path, query }: RequestHead): boolean =>
  query === '' ? target === path : target.length === path.length + query.length + 1 && target === `${path}?${query}`

/** Where the request was going: address and port; empty where nobody knows. */
const placeText = ({ destination }: OpenExchange): string =>
  destination === undefined ? '' : `${destination.port} ${destination.address}`

const placeOf = (text: string): Endpoint | undefined => {
  const space = text.indexOf(' ')
  return space === -1 ? undefined : { address: text.slice(space + 1), port: Number(text.slice(0, space)) }
}

const closestText = ({ closest }: OpenExchange): string =>
  closest === undefined ? '' : `${closest.reason} ${closest.expectationId}`

const closestOf = (text: string): Closest | undefined => {
  const space = text.indexOf(' ')
  return space === -1
    ? undefined
    : { expectationId: text.slice(space + 1), reason: text.slice(0, space) as Closest['reason'] }
}

/** Lays an exchange out; undefined where a text of it has characters that a byte each cannot hold. */
export const layOut = (exchange: OpenExchange, handle: number | undefined): Packing | undefined => {
  const { head, body, client, local, decision, expectationId: id, response } = exchange
  if (!PRINTABLE.test(`${id ?? ''}${exchange.closest?.expectationId ?? ''}`)) return undefined
  const plainTarget = isPlain(head)
  const first = `${head.method}\n${plainTarget ? '' : head.target}\n${head.path}\n${head.query}\n${head.host ?? ''}`
  const start = `${first}\n${client.address}\n${local.address}\n${placeText(exchange)}\n${closestText(exchange)}`
  const text = head.headers.length === 0 ? start : `${start}\n${head.headers.join(BETWEEN)}`
  const streamed = response?.kind === 'streamed' ? response : undefined
  const answerText = streamed ? [streamed.statusCode, streamed.reason ?? '', ...streamed.headers].join(BETWEEN) : ''
  const isAnswerCut = response?.kind === 'streamed' ? response.body.isCut : response?.isCut
  const flags =
    DECISIONS.indexOf(decision) |
    (body.isCut ? FLAG.bodyCut : 0) |
    (id === undefined ? 0 : FLAG.id) |
    (head.host === undefined ? 0 : FLAG.host) |
    (plainTarget ? FLAG.plainTarget : 0) |
    (head.httpVersion === '1.0' ? FLAG.http10 : 0) |
    (head.isSecure ? FLAG.secure : 0) |
    (isAnswerCut ? FLAG.answerCut : 0) |
    (streamed?.reason === undefined ? 0 : FLAG.reason) |
    (kindOf(response, handle) * ANSWER_KIND)
  const answerBytes = answerBytesOf(response, handle, answerText)
  const bytes = FIXED_BYTES + (id?.length ?? 0) + text.length + body.held + answerBytes
  return { exchange, text, id: id ?? '', answerText, handle, flags, bytes }
}

/** Writes what was laid out at `at` of a block, where there is room for it. */
export const write = ({ exchange, text, id, answerText, handle, flags, bytes }: Packing, into: Block, at: number) => {
  const { body, response } = exchange
  const floats = at / Float64Array.BYTES_PER_ELEMENT
  const words = at / Uint32Array.BYTES_PER_ELEMENT
  const streamed = response?.kind === 'streamed' ? response.body : undefined
  into.floats[floats + RECEIVED] = exchange.receivedAtMs
  into.floats[floats + ANSWERED] = exchange.answeredAtMs ?? Number.NaN
  into.floats[floats + BODY_TOTAL] = body.total
  into.floats[floats + ANSWER_TOTAL] = streamed?.total ?? 0
  into.words[words + LENGTH] = bytes
  into.words[words + NUMBER] = exchange.number
  into.words[words + FLAGS] = flags
  into.words[words + PORTS] = exchange.client.port * 65_536 + exchange.local.port
  into.words[words + ID_BYTES] = id.length
  into.words[words + TEXT_BYTES] = text.length
  into.words[words + BODY_BYTES] = body.held
  into.words[words + ANSWER_BODY_BYTES] = streamed?.held ?? 0
  let end = at + FIXED_BYTES
  if (id !== '') end += into.bytes.write(id, end, 'latin1')
  end += into.bytes.write(text, end, 'latin1')
  if (body.held > 0) end += body.bytes.copy(into.bytes, end)
  const answerAt = end
  if (response?.kind === 'whole' && handle === undefined) end += response.bytes.copy(into.bytes, end)
  else if (streamed) end += into.bytes.write(answerText, end, 'latin1')
  into.words[words + ANSWER_BYTES] = handle ?? end - answerAt
  if (streamed && streamed.held > 0) streamed.bytes.copy(into.bytes, end)
}

/** Bytes that the record at `at` takes. */
export const lengthAt = ({ words }: Block, at: number): number => words[at / 4 + LENGTH] ?? 0

/** The number of the answer that the record at `at` shares with others; undefined where it has one of its own, or none. */
export const handleAt = ({ words }: Block, at: number): number | undefined =>
  Math.floor((words[at / 4 + FLAGS] ?? 0) / ANSWER_KIND) === SHARED ? words[at / 4 + ANSWER_BYTES] : undefined

/** A look at the record in a block; made when somebody asks, read as far as they do. */
export class PackedExchange implements LoggedExchange {
  readonly #block: Block
  readonly #at: number
  readonly #shared: LoggedResponse | undefined
  readonly flow: Flow | undefined
  #text: readonly string[] | undefined
  #head: RequestHead | undefined

  /** `shared` is the answer, where it is one of many requests; `flow` whose it is. */
  constructor(block: Block, at: number, shared: LoggedResponse | undefined, flow: Flow | undefined) {
    this.#block = block
    this.#at = at
    this.#shared = shared
    this.flow = flow
  }

  #word(place: number): number {
    return this.#block.words[this.#at / Uint32Array.BYTES_PER_ELEMENT + place] ?? 0
  }
  #float(place: number): number {
    return this.#block.floats[this.#at / Float64Array.BYTES_PER_ELEMENT + place] ?? 0
  }
  #has(flag: number): boolean {
    return (this.#word(FLAGS) & flag) !== 0
  }
  get #textAt(): number {
    return this.#at + FIXED_BYTES + this.#word(ID_BYTES)
  }
  get #bodyAt(): number {
    return this.#textAt + this.#word(TEXT_BYTES)
  }
  get #texts(): readonly string[] {
    this.#text ??= this.#block.bytes.toString('latin1', this.#textAt, this.#bodyAt).split(BETWEEN)
    return this.#text
  }

  get receivedAtMs(): number {
    return this.#float(RECEIVED)
  }
  get answeredAtMs(): number | undefined {
    const at = this.#float(ANSWERED)
    return Number.isNaN(at) ? undefined : at
  }
  get decision(): About['decision'] {
    return DECISIONS[this.#word(FLAGS) & 3] ?? 'mock'
  }
  get expectationId(): string | undefined {
    const from = this.#at + FIXED_BYTES
    return this.#has(FLAG.id) ? this.#block.bytes.toString('latin1', from, from + this.#word(ID_BYTES)) : undefined
  }
  get number(): number {
    return this.#word(NUMBER)
  }
  get correlationId(): string {
    return correlationIdOf(this.number)
  }
  get client(): Endpoint {
    return { address: this.#texts[5] ?? '', port: this.#word(PORTS) >>> 16 }
  }
  get local(): Endpoint {
    return { address: this.#texts[6] ?? '', port: this.#word(PORTS) & 0xffff }
  }
  get destination(): Endpoint | undefined {
    return placeOf(this.#texts[7] ?? '')
  }
  get closest(): Closest | undefined {
    return closestOf(this.#texts[8] ?? '')
  }
  get head(): RequestHead {
    this.#head ??= this.#readHead()
    return this.#head
  }
  #readHead(): RequestHead {
    const [method = '', given = '', path = '', query = '', host = '', , , , , ...headers] = this.#texts
    const plain = query === '' ? path : `${path}?${query}`
    return {
      method,
      target: this.#has(FLAG.plainTarget) ? plain : given,
      path,
      query,
      httpVersion: this.#has(FLAG.http10) ? '1.0' : '1.1',
      headers,
      ...(this.#has(FLAG.host) ? { host } : {}),
      ...(this.#has(FLAG.secure) ? { isSecure: true } : {}),
    }
  }
  get body(): KeptBytes {
    const held = this.#block.bytes.subarray(this.#bodyAt, this.#bodyAt + this.#word(BODY_BYTES))
    return KeptBytes.ended(held, this.#float(BODY_TOTAL), this.#has(FLAG.bodyCut))
  }
  get response(): LoggedResponse | undefined {
    const isCut = this.#has(FLAG.answerCut)
    const from = this.#bodyAt + this.#word(BODY_BYTES)
    const end = from + this.#word(ANSWER_BYTES)
    switch (Math.floor(this.#word(FLAGS) / ANSWER_KIND)) {
      case INLINE:
        return { kind: 'whole', bytes: this.#block.bytes.subarray(from, end), isCut }
      case SHARED:
        return this.#shared
      case STREAMED: {
        const text = this.#block.bytes.toString('latin1', from, end)
        const [status, reason = '', ...headers] = text.split(BETWEEN)
        const held = this.#block.bytes.subarray(end, end + this.#word(ANSWER_BODY_BYTES))
        return {
          kind: 'streamed',
          statusCode: Number(status),
          reason: this.#has(FLAG.reason) ? reason : undefined,
          headers,
          body: KeptBytes.ended(held, this.#float(ANSWER_TOTAL), isCut),
        }
      }
      default:
        return undefined
    }
  }
}
