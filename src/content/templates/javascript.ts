/** JavaScript templates: function bodies that return the document. They run in another thread; see javascript-run.ts. */
import { compileFunction } from 'node:vm'
import { textOf } from '../../decide/matching/body.ts'
import { runJavaScript, startJavaScript } from './javascript-thread.ts'
import { requestJson } from './request-value.ts'
import type { CompiledTemplate } from './template.ts'
import { FUNCTION_NAMES, TOOL_NAMES } from './variables.ts'

/** Checks the syntax; the code is never run here. */
export function compileJavaScript(text: string): CompiledTemplate {
  const problem = problemWith(text)
  if (problem !== undefined) return { problem: `not a valid JavaScript template: ${problem}` }
  const names = mentioned(text)
  const wants = partsWanted(text)
  const needsBody = names.has('jsonPath') || names.has('xPath')
  const functions = FUNCTION_NAMES.filter((name) => names.has(name))
  const tools = TOOL_NAMES.filter((name) => names.has(name))
  const isModern = /\b(?:async|await|Promise|ArrayBuffer|DataView|Atomics|[A-Z]\w*Array)\b/.test(text)
  startJavaScript()
  return {
    render: (model, { nowMs, randomBytes }) =>
      runJavaScript({
        template: text,
        request: JSON.stringify(requestJson(model, wants)),
        body: needsBody ? textOf(model.body) : undefined,
        functions,
        tools,
        isModern,
        nowMs,
        seed: randomBytes(32).toString('hex'),
      }),
  }
}

function problemWith(text: string): string | undefined {
  try {
    compileFunction(text, ['request'], { filename: 'template' })
    return undefined
  } catch (error) {
    if (!(error instanceof Error)) return String(error)
    const line = /^template:(\d+)/.exec(error.stack ?? '')?.[1]
    return line === undefined ? error.message : `line ${line}: ${error.message}`
  }
}

function mentioned(text: string): ReadonlySet<string> {
  return new Set(text.match(/[A-Za-z_$][\w$]*/g))
}

/** Which parts of the request are worth handing over: all, unless the template is seen to ask only for some. */
function partsWanted(text: string): (part: string) => boolean {
  const names = new Set<string>()
  for (const [, property, , key] of text.matchAll(
    /\brequest\b(?:\s*\??\.\s*([A-Za-z_$][\w$]*)|\s*\[\s*(['"])([\w$]+)\2\s*\])?/g,
  )) {
    const name = property ?? key
    if (name === undefined) return () => true
    names.add(name)
  }
  if (/\\u|\barguments\b/.test(text)) return () => true
  return (part) => names.has(part)
}
