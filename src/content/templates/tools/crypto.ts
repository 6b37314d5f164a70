/** `crypto`: digests in hexadecimal. */
import { createHash, createHmac } from 'node:crypto'
import { type Member, tool } from '../value.ts'
import { textAt } from './arguments.ts'

const digest =
  (algorithm: string): Member =>
  (args, meter) =>
    createHash(algorithm)
      .update(textAt(args, 0, meter))
      .digest('hex')

export const cryptoTool = tool('crypto', {
  md5: digest('md5'),
  sha1: digest('sha1'),
  sha256: digest('sha256'),
  sha512: digest('sha512'),
  hmacSha256: (args, meter) =>
    createHmac('sha256', textAt(args, 0, meter))
      .update(textAt(args, 1, meter))
      .digest('hex'),
})
