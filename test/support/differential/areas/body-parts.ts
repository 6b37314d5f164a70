/** Forms, forms in parts, bytes. */
import type { Draw } from '../draw.ts'
import type { Area, Step } from '../exchange.ts'
import { plainRequest, tried } from '../near.ts'
import { drawnPairs, multiMatcher } from '../pairs.ts'

const WORLD = { all: '.*', names: ['a', 'b', 'ab'], values: ['1', '2', '10', 'x', 'abc', 'x y', 'é', '1,2', '5.5'] }
const FORM = 'application/x-www-form-urlencoded'

const formOf = (pairs: readonly (readonly [string, string])[]): string =>
  pairs
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value).replaceAll('%20', '+')}`)
    .join('&')

export const bodyParameters: Area = {
  name: 'body-parameters',
  make: (from) => {
    const asked = {
      body: { type: 'PARAMETERS', parameters: multiMatcher(from, WORLD), ...(from.chance(1) ? { not: true } : {}) },
    }
    const requests = Array.from({ length: 8 }, () => ({
      ...plainRequest,
      method: 'POST',
      body: formOf(drawnPairs(from, WORLD, 3)),
      contentType: from.pick([FORM, FORM, FORM, `${FORM}; charset=utf-8`, 'text/plain']),
    }))
    return tried(asked, requests)
  },
}

const BYTES = ['AAEC', 'AAECAw==', '//4=', 'aGVsbG8=', 'SGVsbG8=', '']

export const bodyBinary: Area = {
  name: 'body-binary',
  make: (from) => {
    const body = { type: 'BINARY', base64Bytes: from.pick(BYTES), ...(from.chance(2) ? { not: true } : {}) }
    const requests = Array.from({ length: 6 }, () => ({
      ...plainRequest,
      method: 'POST',
      body: { base64: from.pick(BYTES) },
      contentType: from.pick(['application/octet-stream', 'text/plain', 'image/png']),
    }))
    return tried({ body }, requests)
  },
}

interface Part {
  readonly name: string
  readonly value: string
  readonly filename?: string
  readonly type?: string
}

const multipart = (parts: readonly Part[]): Step['body'] => {
  const texts = parts.map(({ name, value, filename, type }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    const kind = type === undefined ? '' : `\r\nContent-Type: ${type}`
    return `--xx\r\nContent-Disposition: form-data; name="${name}"${file}${kind}\r\n\r\n${value}\r\n`
  })
  return `${texts.join('')}--xx--\r\n`
}

const part = (from: Draw): Part => ({
  name: from.pick(['a', 'b']),
  value: from.pick(['1', '2', 'x']),
  ...(from.chance(4) ? { filename: from.pick(['f.txt', 'g.png']), type: from.pick(['text/plain', 'image/png']) } : {}),
})

export const bodyMultipart: Area = {
  name: 'body-multipart',
  make: (from) => {
    const asked = {
      ...(from.chance(7) ? { fields: { [from.pick(['a', 'b'])]: [from.pick(['1', '[0-9]', '!1', 'x'])] } } : {}),
      ...(from.chance(3) ? { filenames: { [from.pick(['a', 'b'])]: [from.pick(['f.txt', '.*\\.png'])] } } : {}),
      ...(from.chance(2) ? { partContentTypes: { [from.pick(['a', 'b'])]: ['text/plain'] } } : {}),
    }
    const requests = Array.from({ length: 7 }, () => ({
      ...plainRequest,
      method: 'POST',
      body: multipart(Array.from({ length: 1 + from.below(3) }, () => part(from))) ?? '',
      contentType: 'multipart/form-data; boundary=xx',
    }))
    return tried({ body: { type: 'MULTIPART', ...asked } }, requests)
  },
}
