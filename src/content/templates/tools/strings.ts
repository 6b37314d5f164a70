/** `strings`: what templates do to texts. */
import { charge } from '../meter.ts'
import { tool, type Value } from '../value.ts'
import { textAt } from './arguments.ts'

export const stringsTool = tool('StringTemplateHelper', {
  trim: (args, meter) => textAt(args, 0, meter).trim(),
  capitalize: (args, meter) => {
    const text = textAt(args, 0, meter)
    return text.charAt(0).toUpperCase() + text.slice(1)
  },
  uppercase: (args, meter) => textAt(args, 0, meter).toUpperCase(),
  lowercase: (args, meter) => textAt(args, 0, meter).toLowerCase(),
  urlEncode: (args, meter) => urlEncode(textAt(args, 0, meter)),
  urlDecode: (args, meter) => urlDecode(textAt(args, 0, meter)),
  base64Encode: (args, meter) => Buffer.from(textAt(args, 0, meter)).toString('base64'),
  base64Decode: (args, meter) => Buffer.from(textAt(args, 0, meter), 'base64').toString(),
  substringBefore: (args, meter) => {
    const text = textAt(args, 0, meter)
    const at = text.indexOf(textAt(args, 1, meter))
    return at === -1 ? text : text.slice(0, at)
  },
  substringAfter: (args, meter) => {
    const text = textAt(args, 0, meter)
    const separator = textAt(args, 1, meter)
    const at = text.indexOf(separator)
    return at === -1 ? '' : text.slice(at + separator.length)
  },
  length: (args, meter) => textAt(args, 0, meter).length,
  contains: (args, meter): Value => textAt(args, 0, meter).includes(textAt(args, 1, meter)),
  replace: (args, meter) => {
    const text = textAt(args, 0, meter)
    const from = textAt(args, 1, meter)
    const to = textAt(args, 2, meter)
    if (from === '') return text
    const parts = text.split(from)
    charge(meter, text.length + parts.length * to.length)
    return parts.join(to)
  },
})

/** As a form does it. */
export function urlEncode(text: string): string {
  return new URLSearchParams({ '': text.toWellFormed() }).toString().slice(1)
}

function urlDecode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
