/**
 * Every public method of the unmodified npm client against `understudy serve`: it works, or it is refused with a sentence
 * that says why. What they do is tested in control-client.test.ts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mockServerClient } from 'mockserver-client'
import { startControl } from '../support/control-lab.ts'

type Client = ReturnType<typeof mockServerClient>
type Call = (client: Client) => unknown
/** Its types forget one. */
type WithHar = Client & {
  retrieveRecordedRequestsAndResponsesAsHar(matcher: object): PromiseLike<{ log: { entries: unknown[] } }>
}

const HELLO = { id: 'hello', httpRequest: { path: '/hello' }, httpResponse: { body: 'hello' } }
const AT = { path: '/x' }

const API = { openapi: '3.0.3', info: { title: 'A', version: '1' }, paths: { '/a': { get: { responses: {} } } } }
const HAR = { log: { entries: [{ request: { method: 'GET', url: 'http://a/b' }, response: { status: 200 } }] } }
const POSTMAN = { info: { name: 'C' }, item: [{ request: '/c', response: [{ code: 200 }] }] }

/** One request was made and answered before: `GET /hello`. */
const WORKS: Readonly<Record<string, Call>> = {
  mockAnyResponse: (client) => client.mockAnyResponse(HELLO),
  openAPIExpectation: (client) => client.openAPIExpectation({ specUrlOrPayload: API } as never),
  importDocument: async (client) => assert.equal((await client.importDocument(API)).length, 1),
  importHar: async (client) => assert.equal((await client.importHar(HAR)).length, 1),
  importPostmanCollection: async (client) => assert.equal((await client.importPostmanCollection(POSTMAN)).length, 1),
  when: (client) => client.when('/when').respond({ body: 'x' }),
  setDefaultHeaders: (client) => client.setDefaultHeaders([{ name: 'a', values: ['b'] }] as never, [] as never),
  verify: (client) => client.verify({ path: '/hello' }, 1, 1),
  verifyResponse: (client) => client.verifyResponse({ statusCode: 200 }, 1, 1),
  verifyRequestAndResponse: (client) => client.verifyRequestAndResponse({ path: '/hello' }, { body: 'hello' }, 1, 1),
  verifyById: (client) => client.verifyById({ id: 'hello' }, 1, 1),
  verifySequence: (client) => client.verifySequence({ path: '/hello' }),
  verifySequenceWithResponses: (client) =>
    client.verifySequenceWithResponses([{ request: { path: '/hello' }, response: { statusCode: 200 } }]),
  verifySequenceById: (client) => client.verifySequenceById({ id: 'hello' }),
  verifyZeroInteractions: async (client) => {
    await client.clear('/hello', 'LOG')
    await client.verifyZeroInteractions()
  },
  reset: (client) => client.reset(),
  clear: (client) => client.clear('/hello', 'ALL'),
  clearById: (client) => client.clearById('hello', 'ALL'),
  retrieveMetrics: async (client) => assert.equal((await client.retrieveMetrics())['REQUESTS_RECEIVED_COUNT'], 1),
  scrapeMetrics: async (client) => assert.match(await client.scrapeMetrics(), /^understudy_build_info/m),
  retrieveConfiguration: async (client) =>
    assert.equal((await client.retrieveConfiguration()).mockServerVersion, '5.15.0'),
  updateConfiguration: async (client) =>
    assert.equal((await client.updateConfiguration({ maxExpectations: 5 })).maxExpectations, 5),
  setMode: async (client) => assert.equal((await client.setMode('SIMULATE')).mode, 'SIMULATE'),
  retrieveMode: async (client) => assert.equal((await client.retrieveMode()).mode, 'SPY'),
  bind: (client) => client.bind([0]),
  mcpMock: (client) => client.mcpMock('/mcp').applyTo(),
  a2aMock: (client) => client.a2aMock('/a2a').applyTo(),
  scenario: async (client) => {
    const order = client.scenario('an order / 1')
    assert.deepEqual(await order.state(), { scenarioName: 'an order / 1', currentState: 'Started' })
    await order.set('Paid', { transitionAfterMs: 3_600_000, nextState: 'Lost' })
    assert.equal((await order.state()).currentState, 'Paid')
    assert.equal((await order.trigger('Sent')).currentState, 'Sent')
  },
  scenarios: async (client) => {
    assert.deepEqual(await client.scenarios(), { scenarios: [] })
    await client.scenario('order').set('Paid')
    assert.deepEqual(await client.scenarios(), { scenarios: [{ scenarioName: 'order', currentState: 'Paid' }] })
  },
  retrieveRecordedRequests: async (client) => assert.equal((await client.retrieveRecordedRequests({})).length, 1),
  retrieveRecordedRequestsAndResponses: async (client) =>
    assert.equal((await client.retrieveRecordedRequestsAndResponses({})).length, 1),
  retrieveRecordedRequestsAndResponsesAsHar: async (client) =>
    assert.equal((await (client as WithHar).retrieveRecordedRequestsAndResponsesAsHar({})).log.entries.length, 1),
  retrieveActiveExpectations: async (client) => assert.equal((await client.retrieveActiveExpectations({})).length, 1),
  retrieveRecordedExpectations: async (client) => assert.deepEqual(await client.retrieveRecordedExpectations({}), []),
  retrieveExpectationsAsCode: async (client) => {
    assert.match(await client.retrieveExpectationsAsCode('java'), /\.withId\("hello"\)/)
    assert.match(await client.retrieveExpectationsAsCode('javascript'), /mockAnyResponse\(\{/)
  },
  retrieveRecordedExpectationsAsCode: async (client) =>
    assert.match(await client.retrieveRecordedExpectationsAsCode('javascript'), /^const \{ mockServerClient \}/),
  retrieveLogMessages: async (client) => assert.equal((await client.retrieveLogMessages({})).length, 3),
  retrieveRecordedRequestsById: async (client) =>
    assert.equal((await client.retrieveRecordedRequestsById('hello')).length, 1),
  retrieveRecordedRequestsAndResponsesById: async (client) =>
    assert.equal((await client.retrieveRecordedRequestsAndResponsesById('hello')).length, 1),
  retrieveActiveExpectationsById: async (client) =>
    assert.equal((await client.retrieveActiveExpectationsById('hello')).length, 1),
  retrieveRecordedExpectationsById: async (client) =>
    assert.deepEqual(await client.retrieveRecordedExpectationsById('hello'), []),
  retrieveLogMessagesById: async (client) => assert.ok((await client.retrieveLogMessagesById('hello')).length > 0),
  mockSimpleResponse: (client) => client.mockSimpleResponse('/x', { a: 1 }),
  respondWithSse: (client) => client.respondWithSse(AT, { events: [{ data: 'a' }] }),
  respondWithWebSocket: (client) => client.respondWithWebSocket(AT, { messages: [{ text: 'a' }] }),
}

/** Calls whose path is not spoken. */
const NOT_SPOKEN: Readonly<Record<string, Call>> = {
  freezeClock: (client) => client.freezeClock(),
  advanceClock: (client) => client.advanceClock(1),
  resetClock: (client) => client.resetClock(),
  clockStatus: (client) => client.clockStatus(),
  retrieveDrift: (client) => client.retrieveDrift(),
  clearDrift: (client) => client.clearDrift(),
  pactImport: (client) => client.pactImport({}),
  pactExport: (client) => client.pactExport(),
  pactVerify: (client) => client.pactVerify({}),
  storeFile: (client) => client.storeFile('a', 'b'),
  storeBinaryFile: (client) => client.storeBinaryFile('a', Buffer.from('b')),
  retrieveFile: (client) => client.retrieveFile('a'),
  listFiles: (client) => client.listFiles(),
  deleteFile: (client) => client.deleteFile('a'),
  wsdlExpectation: (client) => client.wsdlExpectation('<definitions/>'),
  setServiceChaos: (client) => client.setServiceChaos('a', {}),
  removeServiceChaos: (client) => client.removeServiceChaos('a'),
  clearServiceChaos: (client) => client.clearServiceChaos(),
  serviceChaosStatus: (client) => client.serviceChaosStatus(),
  verifySLO: (client) => client.verifySLO({} as never),
  startChaosExperiment: (client) => client.startChaosExperiment({} as never),
  loadScenario: (client) => client.loadScenario({} as never),
  loadScenarios: (client) => client.loadScenarios(),
  getLoadScenario: (client) => client.getLoadScenario('a'),
  deleteLoadScenario: (client) => client.deleteLoadScenario('a'),
  clearLoadScenarios: (client) => client.clearLoadScenarios(),
  startLoadScenarios: (client) => client.startLoadScenarios('a'),
  stopLoadScenarios: (client) => client.stopLoadScenarios('a'),
  runLoadScenario: (client) => client.runLoadScenario({ name: 'a' } as never),
  getLoadScenarioReport: (client) => client.getLoadScenarioReport('a'),
  generateLoadScenarioFromOpenAPI: (client) => client.generateLoadScenarioFromOpenAPI({} as never),
  generateLoadScenarioFromRecording: (client) => client.generateLoadScenarioFromRecording({} as never),
  listBreakpointMatchers: (client) => client.listBreakpointMatchers(),
  removeBreakpointMatcher: (client) => client.removeBreakpointMatcher('a'),
  clearBreakpointMatchers: (client) => client.clearBreakpointMatchers(),
  uploadGrpcDescriptor: (client) => client.uploadGrpcDescriptor(Buffer.from('a')),
  retrieveGrpcServices: (client) => client.retrieveGrpcServices(),
  clearGrpcDescriptors: (client) => client.clearGrpcDescriptors(),
}

/** Expectations with actions that there are not, with what the refusal names. */
const REFUSED: Readonly<Record<string, readonly [Call, RegExp]>> = {
  mockWithLLM: [(client) => client.mockWithLLM({ httpLlmResponse: {} } as never), /\$\.httpLlmResponse: /],
  respondWithClassCallback: [(client) => client.respondWithClassCallback(AT, 'a.B'), /\$\.httpResponseClassCallback: /],
  forwardWithClassCallback: [(client) => client.forwardWithClassCallback(AT, 'a.B'), /\$\.httpForwardClassCallback: /],
  respondWithDns: [(client) => client.respondWithDns(AT, {} as never), /\$\.dnsResponse: /],
  respondWithBinary: [(client) => client.respondWithBinary(AT, {} as never), /\$\.binaryResponse: /],
  respondWithGrpcStream: [(client) => client.respondWithGrpcStream(AT, {} as never), /\$\.grpcStreamResponse: /],
}

/** They open a websocket first, and the client waits for it for ever: not called here. */
const OVER_WEBSOCKET = [
  ...['mockWithCallback', 'mockWithForwardCallback', 'mockWithForwardAndResponseCallback'],
  ...['addBreakpoint', 'addRequestBreakpoint', 'addRequestAndResponseBreakpoint'],
]

/** Of the client alone: it asks the server nothing. */
const NO_CALL = ['llm']

const rejection = async (call: Call, client: Client): Promise<string> => {
  try {
    await call(client)
  } catch (reason) {
    return String(reason)
  }
  return assert.fail('it was not rejected')
}

test('every method of the client is in one of the lists', () => {
  const listed = [WORKS, NOT_SPOKEN, REFUSED].flatMap((list) => Object.keys(list))
  assert.deepEqual(
    [...listed, ...OVER_WEBSOCKET, ...NO_CALL].sort(),
    Object.keys(mockServerClient('127.0.0.1', 1)).sort(),
  )
})

for (const [name, call] of Object.entries(WORKS)) {
  test(`${name} works`, async (t) => {
    const lab = await startControl(t)
    const client = mockServerClient('127.0.0.1', lab.port)
    await client.mockAnyResponse(HELLO)
    assert.equal((await lab.ask('/hello')).body, 'hello')
    await call(client)
  })
}

test('calls that are not spoken are refused with a sentence', async (t) => {
  const { port } = await startControl(t)
  const client = mockServerClient('127.0.0.1', port)
  for (const [name, call] of Object.entries(NOT_SPOKEN)) {
    assert.match(await rejection(call, client), /understudy does not speak \/\w+.* of MockServer's API: \w/, name)
  }
})

test('actions that there are not are refused with their name, and nothing is stored', async (t) => {
  const { port } = await startControl(t)
  const client = mockServerClient('127.0.0.1', port)
  for (const [name, [call, refusal]] of Object.entries(REFUSED)) {
    assert.match(await rejection(call, client), refusal, name)
  }
  assert.deepEqual(await client.retrieveActiveExpectations({}), [])
})
