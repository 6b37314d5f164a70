/** `httpSseResponse`: server-sent events (the event stream of the HTML standard). */
import { z } from 'zod'
import type { StreamEvents, StreamedEvent } from '../../action.ts'
import { notYetKeys } from '../chosen-schema.ts'
import { HeaderLines } from '../header-schema.ts'
import { Delay } from './delay.ts'
import { FinalStatus } from './response.ts'

/** A line end in one of these would begin another field. */
const OneLine = z.string().regex(/^[^\r\n]*$/, { error: 'expected one line' })

const Event = z
  .strictObject({
    event: OneLine.optional(),
    data: z.string().optional(),
    id: OneLine.optional(),
    retry: z.int().min(0).optional(),
    delay: Delay.default(0),
  })
  .transform(({ event, data, id, retry, delay }): StreamedEvent => {
    const lines = [
      ...(id === undefined ? [] : [`id: ${id}`]),
      ...(event === undefined ? [] : [`event: ${event}`]),
      ...(retry === undefined ? [] : [`retry: ${retry}`]),
      ...(data === undefined ? [] : data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`)),
    ]
    return { bytes: Buffer.from([...lines, '', ''].join('\n')), delayMs: delay }
  })

const DEFAULTS = ['content-type', 'text/event-stream', 'cache-control', 'no-cache']

/** Headers that the document has itself go before ours. */
const withDefaults = (headers: readonly string[]): string[] => {
  const names = new Set(headers.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase()))
  const ours = DEFAULTS.filter((_, at) => !names.has(DEFAULTS[at - (at % 2)] ?? ''))
  return [...ours, ...headers]
}

export const SseResponse = z
  .strictObject({
    statusCode: FinalStatus.default(200),
    headers: HeaderLines.optional(),
    events: z.array(Event).default([]),
    closeConnection: z.boolean().default(false),
    delay: Delay.default(0),
    ...notYetKeys(['templateType']),
  })
  .transform(
    ({ statusCode, headers = [], events, closeConnection, delay }): StreamEvents => ({
      kind: 'stream_events',
      statusCode,
      headers: withDefaults(headers),
      events,
      closes: closeConnection,
      delayMs: delay,
    }),
  )
