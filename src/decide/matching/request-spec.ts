/** `httpRequest` as it is given, and its compilation. */
import type { BodyMatcher } from './body.ts'
import { compilePairs, type PairsSpec } from './pairs.ts'
import { type PathTemplate, pathTemplate } from './path-parameters.ts'
import type { HeadTest, MoreMatcher, Protocol, RequestMatcher } from './request.ts'
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
  /** Any of these; the rest is then left out. */
  readonly operations?: readonly OperationSpec[] | undefined
}

/** An operation of an API description: its texts have been checked. */
export interface OperationSpec {
  readonly method: Text
  readonly path: Text
  readonly head: HeadTest | undefined
  readonly body: BodyMatcher | undefined
}

/** Compiles one checked request matcher. */
export function compileRequest(spec: RequestSpec): RequestMatcher {
  if (spec.operations) return compileOperations(spec.operations, spec.not ?? false)
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

function compileOperations(operations: readonly OperationSpec[], negated: boolean): RequestMatcher {
  const [only] = operations
  if (only && operations.length === 1) return compileOperation(only, negated)
  const anyOf = operations.map((one) => compileOperation(one, false))
  return { ...NOTHING, negated, anyOf }
}

const NOTHING = {
  method: undefined,
  path: undefined,
  query: undefined,
  headers: undefined,
  body: undefined,
  more: undefined,
  respondBeforeBody: false,
} as const

function compileOperation({ method, path, head, body }: OperationSpec, negated: boolean): RequestMatcher {
  const more: MoreMatcher | undefined = head && { ...NO_MORE, test: head }
  return { ...NOTHING, method: compileOptional(method), path: compileOptional(path), body, more, negated }
}

const NO_MORE: MoreMatcher = {
  cookies: undefined,
  template: undefined,
  pathParameters: undefined,
  secure: undefined,
  keepAlive: undefined,
  protocol: undefined,
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
