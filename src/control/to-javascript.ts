/** Expectations as calls of MockServer's client for JavaScript. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Json } from './message-json.ts'

const START = "const { mockServerClient } = require('mockserver-client');\n"

/** A program that creates them. */
export const expectationsJavascript = (expectations: readonly Json[]): string =>
  [
    START,
    ...expectations.map((one) => `mockServerClient("localhost", 1080).mockAnyResponse(${prettyJson(one)});\n`),
  ].join('\n')
