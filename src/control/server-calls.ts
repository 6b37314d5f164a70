/** The calls about the server itself. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Context, Handler } from './ports.ts'
import { readChecked } from './read-json.ts'
import { json, text } from './reply.ts'
import { bindFailed, required } from './texts.ts'

const statusJson = (ports: readonly number[], { limits }: Context): string =>
  prettyJson({ artifactId: 'mockserver-core', groupId: 'org.mock-server', ports, version: limits.version })

export const status: Handler = (_call, context) => json(200, statusJson(context.server.listening(), context))

export const bind: Handler = async (call, context) => {
  const read = readChecked(
    call.body,
    'ports',
    required('a list of ports'),
    context.documents.ports,
    context.limits.version,
  )
  if ('refusal' in read) return text(400, read.refusal)
  const bound: number[] = []
  for (const port of read.value) {
    try {
      bound.push(await context.server.bind(port))
    } catch {
      return text(400, bindFailed(port))
    }
  }
  return json(200, statusJson(bound, context))
}

/** Answers first: the server drains, so that the answer still leaves. */
export const stop: Handler = (_call, { server }) => {
  if (!server.stop) return text(403, 'this server ends with the command that it was started for')
  server.stop()
  return { status: 200 }
}
