/**
 * Mockttp is a library: `mockttp-server.ts PORT CONTROL_PORT [record]` is it as a program, told what to answer by PUT to
 * the second port. The package is not installed where the types are checked, so what is used of it is said here.
 */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { pathToFileURL } from 'node:url'
import type { Stub } from './peer.ts'
import { packaged } from './program.ts'

type Made = new (...given: readonly unknown[]) => object
interface Mockttp {
  getLocal(options: { readonly recordTraffic: boolean }): {
    start(port: number): Promise<void>
    setRequestRules(...rules: readonly object[]): Promise<unknown>
  }
  readonly Method: Readonly<Record<string, number>>
  readonly matchers: Readonly<
    Record<'MethodMatcher' | 'FlexiblePathMatcher' | 'RegexPathMatcher' | 'JsonBodyMatcher' | 'WildcardMatcher', Made>
  >
  readonly requestSteps: { readonly FixedResponseStep: Made }
  readonly completionCheckers: { readonly Always: Made }
}

const [port, controlPort, mode] = process.argv.slice(2)
const library: { readonly default: Mockttp } = await import(pathToFileURL(packaged('mockttp/dist/main.js')).href)
const { getLocal, Method, matchers, requestSteps, completionCheckers } = library.default

const ruleOf = ({ method, path, json, answer }: Stub): object => {
  const asked =
    'literal' in path
      ? new matchers.FlexiblePathMatcher(path.literal)
      : new matchers.RegexPathMatcher(new RegExp(`^(?:${path.pattern})$`))
  // It adds none of its own where any are given, and would close the connection for want of a length.
  const headers = { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(answer)}` }
  return {
    matchers: [
      method === undefined ? new matchers.WildcardMatcher() : new matchers.MethodMatcher(Method[method]),
      asked,
      ...(json === undefined ? [] : [new matchers.JsonBodyMatcher(json)]),
    ],
    steps: [new requestSteps.FixedResponseStep(200, undefined, answer, headers)],
    completionChecker: new completionCheckers.Always(),
  }
}

const server = getLocal({ recordTraffic: mode === 'record' })
await server.start(Number(port))
createServer((request, response) => {
  const load = async (): Promise<void> => {
    const stubs: readonly Stub[] = request.method === 'PUT' ? JSON.parse(await text(request)) : []
    await server.setRequestRules(...stubs.map(ruleOf))
    response.end()
  }
  load().catch((error) => {
    response.statusCode = 500
    response.end(String(error))
  })
}).listen(Number(controlPort), '127.0.0.1')
