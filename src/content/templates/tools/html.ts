/** `html`: text made safe for HTML, and back. */
import { tool } from '../value.ts'
import { textAt } from './arguments.ts'

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
])

const CHARACTERS: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
  ['nbsp', '\u00a0'],
])

export const htmlTool = tool('html', {
  escape: (args, meter) => escapeHtml(textAt(args, 0, meter)),
  unescape: (args, meter) =>
    textAt(args, 0, meter).replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,6}));/gi, (all, decimal, hex, name) => {
      if (name !== undefined) return CHARACTERS.get(String(name)) ?? all
      const point = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal)
      return point <= 0x10ffff ? String.fromCodePoint(point) : all
    }),
})

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => ENTITIES.get(character) ?? character)
}
