/** Paths with `{name}` for a segment, and what a request has in those places. */

/** The whole of a segment: `{id}`, and OpenAPI's `{.id}`, `{;id}` and `{id*}`. */
const SEGMENT = /^\{[.;]?([^{}*]+)\*?\}$/

export interface PathTemplate {
  /** The path as a regular expression: a templated segment is any one segment. */
  readonly text: string
  readonly segments: number
  readonly parameters: readonly { readonly name: string; readonly at: number }[]
}

/** Undefined when no segment of `path` is a name in braces. */
export function pathTemplate(path: string): PathTemplate | undefined {
  const parts = path.split('/')
  const parameters = parts.flatMap((part, at) => {
    const name = SEGMENT.exec(part)?.[1]
    return name === undefined ? [] : [{ name, at }]
  })
  if (parameters.length === 0) return undefined
  const text = parts.map((part) => (SEGMENT.test(part) ? '[^/]*' : part)).join('/')
  return { text, segments: parts.length, parameters }
}

/**
 * Name, value, name, value … as sent; undefined when the path has another number of segments. Commas part values, and the
 * `.` or `;name=` of a style in front is no part of them, whatever the style.
 */
export function pathEntries(template: PathTemplate, path: string): readonly string[] | undefined {
  const parts = path.split('/')
  if (parts.length !== template.segments) return undefined
  return template.parameters.flatMap(({ name, at }) =>
    withoutMark(name, parts[at] ?? '')
      .split(',')
      .flatMap((value) => [name, value]),
  )
}

function withoutMark(name: string, segment: string): string {
  if (segment.startsWith(`;${name}=`)) return segment.slice(name.length + 2)
  return /^[.;]/.test(segment) ? segment.slice(1) : segment
}
