/** XML that is the same, and XPath. */
import type { Draw } from '../draw.ts'
import type { Area } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'

const DOCUMENTS = [
  ...[
    '<a/>',
    '<a></a>',
    '<a>1</a>',
    '<a> 1 </a>',
    '<a><b>1</b><c>2</c></a>',
    '<a><c>2</c><b>1</b></a>',
    '<a>\n  <b>1</b>\n  <c>2</c>\n</a>',
  ],
  ...[
    '<a x="1" y="2"/>',
    '<a y="2" x="1"/>',
    '<a x="1"/>',
    '<a><b>1</b></a>',
    '<a><b>1</b><b>2</b></a>',
    '<a><b>2</b><b>1</b></a>',
  ],
  ...[
    '<!-- c --><a><b>1</b></a>',
    '<a><!-- c --><b>1</b></a>',
    '<?xml version="1.0"?><a/>',
    '<p:a xmlns:p="urn:x"/>',
    '<q:a xmlns:q="urn:x"/>',
  ],
  ...[
    '<a xmlns="urn:x"/>',
    '<a><b/></a>',
    '<a><![CDATA[1]]></a>',
    '<a>&lt;</a>',
    '<b/>',
    '<a',
    'text',
    '<a><b x="1">3</b></a>',
  ],
]
// biome-ignore-start lint/suspicious/noTemplateCurlyInString: placeholders of XMLUnit
const ASKED = [
  ...DOCUMENTS.filter((text) => !['<a', 'text'].includes(text)),
  '<a><b>${xmlunit.ignore}</b></a>',
  '<a x="${xmlunit.ignore}"/>',
]
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: placeholders of XMLUnit
const PATHS = [
  ...[
    '/a',
    '/a/b',
    '//b',
    '/a[b=1]',
    '/a/b[.=2]',
    '/a/@x',
    "/a[@x='1']",
    'count(/a/b) = 2',
    '/a/b > 1',
    'string(/a)',
    '/c',
    'not(/a/c)',
  ],
  ...[
    '/a/b/text()',
    'boolean(/a)',
    '/a/b[1]',
    '/a/b[2]',
    'contains(/a/b, "1")',
    '/*',
    'sum(/a/b)',
    '//@x',
    "/*[local-name()='a']",
  ],
]
const TYPES = ['application/xml', 'text/xml', undefined, 'application/xml; charset=utf-8']

const sent = (from: Draw) => {
  const contentType = from.pick(TYPES)
  return {
    ...plainRequest,
    method: 'POST',
    body: from.pick(DOCUMENTS),
    ...(contentType === undefined ? {} : { contentType }),
  }
}

const flags = (from: Draw) => (from.chance(1) ? { not: true } : {})

export const bodyXml: Area = {
  name: 'body-xml',
  make: (from) => {
    const xml = from.pick(ASKED)
    const near = DOCUMENTS.filter((text) => text[1] === xml[1] || from.chance(2))
    const requests = Array.from({ length: 8 }, () => ({ ...sent(from), body: from.pick([xml, ...near]) }))
    return tried({ body: { type: 'XML', xml, ...flags(from) } }, requests)
  },
}

export const bodyXpath: Area = {
  name: 'body-xpath',
  make: (from) =>
    tried(
      { body: { type: 'XPATH', xpath: from.pick(PATHS), ...flags(from) } },
      Array.from({ length: 8 }, () => sent(from)),
    ),
}
