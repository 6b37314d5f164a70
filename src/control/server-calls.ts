/** The calls about the server itself. */
import { prettyJson } from '../decide/matching/pretty-json.ts'
import type { Context, Handler } from './ports.ts'
import { readDocument } from './read-json.ts'
import { json, text } from './reply.ts'
import { bindFailed, formatError, required } from './texts.ts'

const statusJson = (ports: readonly number[], { version }: Context): string =>
  prettyJson({ artifactId: 'mockserver-core', groupId: 'org.mock-server', ports, version })

export const status: Handler = (_call, context) => json(200, statusJson(context.server.listening(), context))

export const bind: Handler = async (call, context) => {
  const read = readDocument(call.body)
  if ('problem' in read) return text(400, formatError('ports', read.text, [`$: ${read.problem}`]))
  if (read.value === undefined) return text(400, required('a list of ports'))
  const checked = context.documents.ports(read.value)
  if ('problems' in checked) return text(400, formatError('ports', read.value, checked.problems))
  const bound: number[] = []
  for (const port of checked.value) {
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
