/** `httpRequest` as it is given, and its compilation. */
import type { BodyMatcher } from './body.ts'
import { compilePairs, type PairsSpec } from './pairs.ts'
import { type PathTemplate, pathTemplate } from './path-parameters.ts'
import type { MoreMatcher, Protocol, RequestMatcher } from './request.ts'
import { compileText, spelled, type Text, type TextMatcher } from './text.ts'

/** A request matcher as a file gives it, with its shorthands spelt out and its values checked. */
export interface RequestSpec {
  readonly method?: Text | undefined
  readonly path?: Text | undefined
  readonly pathParameters?: PairsSpec | undefined
  readonly queryStringParameters?: PairsSpec | undefined
  readonly headers?: PairsSpec | undefined
  readonly cookies?: PairsSpec | undefined
  readonly secure?: boolean | undefined
  readonly keepAlive?: boolean | undefined
  readonly protocol?: Protocol | undefined
  readonly body?: BodyMatcher | undefined
  readonly not?: boolean | undefined
  readonly respondBeforeBody?: boolean | undefined
}

/** Compiles one checked request matcher. */
export function compileRequest(spec: RequestSpec): RequestMatcher {
  const template = spec.pathParameters && templateOf(spec.path)
  return {
    method: compileOptional(spec.method),
    path: compileOptional(template && spec.path !== undefined ? withText(spec.path, template.text) : spec.path),
    query: compilePairs(spec.queryStringParameters ?? []),
    headers: compilePairs(spec.headers ?? []),
    body: spec.body,
    more: compileMore(spec, template),
    negated: spec.not ?? false,
    respondBeforeBody: spec.respondBeforeBody ?? false,
  }
}

function compileMore(spec: RequestSpec, template: PathTemplate | undefined): MoreMatcher | undefined {
  const { secure, keepAlive, protocol } = spec
  const more: MoreMatcher = {
    cookies: compilePairs(spec.cookies ?? []),
    template,
    pathParameters: compilePairs(spec.pathParameters ?? []),
    secure,
    keepAlive,
    protocol,
  }
  return Object.values(more).some((part) => part !== undefined) ? more : undefined
}

/** The template of a path that has one; of a negated path nothing can be taken. */
export function templateOf(path: Text | undefined): PathTemplate | undefined {
  if (path === undefined) return undefined
  const { value, negated, test } = spelled(path)
  return test || negated ? undefined : pathTemplate(value)
}

function withText(given: Text, value: string): Text {
  return { ...spelled(given), value }
}

function compileOptional(value: Text | undefined): TextMatcher | undefined {
  const matcher = value === undefined ? undefined : compileText(value)
  return matcher?.blank ? undefined : matcher
}
