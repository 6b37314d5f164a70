/** `httpWebSocketResponse`: the handshake is answered, messages are sent, and frames of the client are answered by rules. */
import { z } from 'zod'
import type { SpeakWebSocket, WebSocketMessage, WebSocketRule } from '../../action.ts'
import { compileText, matchesText } from '../../decide/matching/text.ts'
import { notYetKeys } from '../chosen-schema.ts'
import { Matched } from '../matched-schema.ts'
import { Delay } from './delay.ts'

const Message = z
  .strictObject({
    text: z.string().optional(),
    binary: z.base64({ error: 'expected base64' }).optional(),
    delay: Delay.default(0),
  })
  .superRefine(({ text, binary }, context) => {
    if ((text === undefined) !== (binary === undefined)) return
    context.addIssue({ code: 'custom', message: 'give either text or binary' })
  })
  .transform(
    ({ text, binary = '', delay }): WebSocketMessage => ({
      data: text ?? Buffer.from(binary, 'base64'),
      delayMs: delay,
    }),
  )
const Messages = z.array(Message).default([])

const FRAMES = { TEXT: 'text', BINARY: 'binary', PING: 'ping', PONG: 'pong', ANY: 'any' } as const
type FrameType = keyof typeof FRAMES

const Rule = z
  .strictObject({
    frameType: z.enum(Object.keys(FRAMES) as [FrameType, ...FrameType[]]).default('ANY'),
    textMatcher: Matched.optional(),
    responses: Messages,
  })
  .superRefine(({ frameType, textMatcher }, context) => {
    if (textMatcher === undefined || frameType === 'TEXT' || frameType === 'ANY') return
    context.addIssue({ code: 'custom', message: `a ${frameType} frame has no text`, path: ['textMatcher'] })
  })
  .transform(({ frameType, textMatcher, responses }): WebSocketRule => {
    const rule = { frames: FRAMES[frameType], responses }
    if (textMatcher === undefined) return rule
    const matcher = compileText(textMatcher)
    return { ...rule, matches: (text) => matchesText(matcher, text) }
  })

export const WebSocketResponse = z
  .strictObject({
    subprotocol: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~\w]+$/, { error: 'a subprotocol is one word' })
      .optional(),
    messages: Messages,
    matchers: z.array(Rule).default([]),
    closeConnection: z.boolean().default(true),
    delay: Delay.default(0),
    ...notYetKeys(['templateType', 'graphqlSubscriptionFilter']),
  })
  .transform(
    ({ subprotocol, messages, matchers, closeConnection, delay }): SpeakWebSocket => ({
      kind: 'speak_websocket',
      subprotocol,
      messages,
      rules: matchers,
      stays: !closeConnection,
      delayMs: delay,
    }),
  )
