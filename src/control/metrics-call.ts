/** Numbers of the process: as Prometheus reads them, and as MockServer's counters. */
import type { Context, Handler } from './ports.ts'
import { json, type Reply } from './reply.ts'

export const metrics: Handler = async (_call, context) =>
  context.metrics
    ? { status: 200, contentType: context.metrics.contentType, body: await context.metrics.text() }
    : { status: 404 }

/** Action of an expectation → MockServer's counter of the expectations that have it. */
const ACTIONS: Readonly<Record<string, string>> = {
  httpResponse: 'RESPONSE_ACTIONS_COUNT',
  httpResponseTemplate: 'RESPONSE_TEMPLATE_ACTIONS_COUNT',
  httpResponseClassCallback: 'RESPONSE_CLASS_CALLBACK_ACTIONS_COUNT',
  httpResponseObjectCallback: 'RESPONSE_OBJECT_CALLBACK_ACTIONS_COUNT',
  httpForward: 'FORWARD_ACTIONS_COUNT',
  httpForwardTemplate: 'FORWARD_TEMPLATE_ACTIONS_COUNT',
  httpForwardClassCallback: 'FORWARD_CLASS_CALLBACK_ACTIONS_COUNT',
  httpForwardObjectCallback: 'FORWARD_OBJECT_CALLBACK_ACTIONS_COUNT',
  httpOverrideForwardedRequest: 'FORWARD_REPLACE_ACTIONS_COUNT',
  httpError: 'ERROR_ACTIONS_COUNT',
}

/** The counters as JSON; `{}` where metrics are not served, as there. */
export const counters = ({ tally, store, metrics: served }: Context, nowMs: number): Reply => {
  if (!served) return json(200, '{}')
  const actions = Object.fromEntries(Object.values(ACTIONS).map((name) => [name, 0]))
  for (const { expectation } of store.list(nowMs)) {
    for (const key of Object.keys(Object(expectation.source))) {
      const name = ACTIONS[key]
      if (name !== undefined) actions[name] = (actions[name] ?? 0) + 1
    }
  }
  return json(200, JSON.stringify({ ...tally.counts(), ...actions }))
}
