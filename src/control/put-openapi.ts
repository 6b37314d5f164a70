/** Expectations out of OpenAPI documents. */
import type { Handler } from './ports.ts'
import { readItems, storeExpectations, UNABLE } from './put-expectation.ts'
import { readJsonOrYaml } from './read-yaml.ts'
import { type Reply, text } from './reply.ts'
import { errorsText, required } from './texts.ts'

/** Adds or replaces an expectation for each operation; all of the documents or none. The call may be JSON or YAML. */
export const putOpenApi: Handler = async (call, context) => {
  const read = readJsonOrYaml(call, context)
  if ('problem' in read) return unable(read.problem)
  if (read.value === undefined) return unable(required('an expectation or expectation array'))
  if (Array.isArray(read.value) && read.value.length === 0) {
    return unable(errorsText(['an expectation or array of expectations is required']))
  }
  const items = await readItems('openapi expectation', read.value, context.documents.openApi, context.limits.version)
  return 'error' in items ? unable(items.error) : storeExpectations(items.specs, call, context)
}

const unable = (why: string): Reply => text(400, why.startsWith(UNABLE) ? why : `${UNABLE}, ${why}`)
