/** Templates of responses and requests in the three languages of MockServer. One file of this folder per language. */
import type { ReadBody } from '../../decide/matching/body.ts'
import { compileJavaScript } from './javascript.ts'
import { compileMustache } from './mustache.ts'
import { compileVelocity } from './velocity.ts'

export type TemplateType = 'VELOCITY' | 'MUSTACHE' | 'JAVASCRIPT'

/** The request a template is about. */
export interface TemplateModel {
  readonly method: string
  /** Without the query, as sent. */
  readonly path: string
  /** Not decoded, without `?`. */
  readonly query: string
  /** Name, value, name, value … */
  readonly headers: readonly string[]
  /** Name, value, name, value … */
  readonly pathParameters: readonly string[]
  readonly isSecure: boolean
  readonly keepsAlive: boolean
  /** Address and port. */
  readonly localAddress: string
  readonly remoteAddress: string
  readonly body: ReadBody
}

/** What a template may know besides the request; given from outside, so that the same sources render the same. */
export interface TemplateSources {
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  readonly randomBytes: (count: number) => Buffer
}

/** `document` is what the template describes, not yet checked; a problem is one sentence for the log and the client. */
export type Rendered = { readonly document: unknown } | { readonly problem: string }

/** Never throws and never rejects. A promise only where another thread does the work. */
export type Render = (model: TemplateModel, sources: TemplateSources) => Rendered | Promise<Rendered>

export type CompiledTemplate = { readonly render: Render } | { readonly problem: string }

const MAX_TEMPLATE = 512 * 1024

/** Compiles a template, or says what is wrong with it, with the line where that is known. */
export function compileTemplate(type: TemplateType, text: string): CompiledTemplate {
  if (text.trim() === '') return { problem: 'an empty template describes nothing' }
  if (text.length > MAX_TEMPLATE) return { problem: 'a template of more than 524288 characters' }
  switch (type) {
    case 'VELOCITY':
      return compileVelocity(text)
    case 'MUSTACHE':
      return compileMustache(text)
    case 'JAVASCRIPT':
      return compileJavaScript(text)
  }
}
