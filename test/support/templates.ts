/** Templates rendered for one request, with sources that do not change. */
import assert from 'node:assert/strict'
import {
  compileTemplate,
  type Rendered,
  type TemplateModel,
  type TemplateSources,
  type TemplateType,
} from '../../src/content/templates/template.ts'

export const BOOKS = {
  store: {
    book: [
      { title: 'Reckoning', price: 7.5 },
      { title: 'Tides & Time', price: 12 },
    ],
    bicycle: { color: 'red' },
  },
  count: 5,
  missing: null,
}

const BODY = Buffer.from(JSON.stringify(BOOKS))

/** A POST of {@link BOOKS}. */
export const REQUEST: TemplateModel = {
  method: 'POST',
  path: '/shop/42',
  query: 'q=1&q=2&name=%C3%A9+x',
  headers: ['Host', 'shop.example', 'Session-Id', 's1', 'content-type', 'application/json', 'Cookie', 'c=1; d="2"'],
  pathParameters: ['id', '42'],
  isSecure: false,
  keepsAlive: true,
  localAddress: '127.0.0.1:1080',
  remoteAddress: '127.0.0.1:50000',
  body: { bytes: BODY, sent: BODY, contentType: 'application/json' },
}

/** The same request with another body, which each rendering reads anew. */
export const withBody = (body: string | Buffer, contentType = 'application/json'): TemplateModel => {
  const bytes = Buffer.from(body as string)
  return { ...REQUEST, body: { bytes, sent: bytes, contentType } }
}

/** 2026-02-03T04:05:06.789Z, and bytes that count up. */
export const SOURCES: TemplateSources = {
  nowMs: Date.UTC(2026, 1, 3, 4, 5, 6, 789),
  randomBytes: (count) => Buffer.from(Array.from({ length: count }, (_, at) => at)),
}

export const renderedBy = async (
  type: TemplateType,
  text: string,
  model: TemplateModel = REQUEST,
  sources: TemplateSources = SOURCES,
): Promise<Rendered> => {
  const compiled = compileTemplate(type, text)
  if ('problem' in compiled) return compiled
  return compiled.render({ ...model, body: { ...model.body } }, sources)
}

/** The `body` of what is rendered. */
export const bodyBy = async (type: TemplateType, text: string, model?: TemplateModel): Promise<unknown> => {
  const rendered = await renderedBy(type, text, model)
  if ('problem' in rendered) return assert.fail(rendered.problem)
  return (rendered.document as { readonly body?: unknown }).body
}

export const problemBy = async (type: TemplateType, text: string, model?: TemplateModel): Promise<string> => {
  const rendered = await renderedBy(type, text, model)
  return 'problem' in rendered ? rendered.problem : assert.fail(JSON.stringify(rendered).slice(0, 200))
}
