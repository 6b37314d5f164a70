/** Version 1: one line of text, `PROXY TCP4 source destination source-port destination-port CRLF` (section 2.1). */
import { isIPv4, isIPv6 } from 'node:net'
import type { Endpoint } from '../flow.ts'
import { ipv6Text } from './address.ts'
import { MAX_LINE_BYTES, malformed, type Parsed, SIGNATURE_V1 } from './header.ts'

const CR = 0x0d
const LF = 0x0a
const MORE: Parsed = { kind: 'more', isHeader: true }
const PROTOCOLS = ['TCP4 ', 'TCP6 ', 'UNKNOWN ', 'UNKNOWN\r']
/** What addresses and ports are made of. */
const FIELDS = /^[0-9A-Fa-f:. ]*$/
const PORT = /^(?:0|[1-9]\d{0,4})$/
const MAX_PORT = 65535

/** Where the line's CR is; -1 where it has not come yet. */
const lineEnd = (bytes: Buffer): { readonly at: number } | ReturnType<typeof malformed> => {
  for (let at = SIGNATURE_V1.length; at < bytes.length; at++) {
    if (at > MAX_LINE_BYTES - 2 && bytes[at] !== LF) return malformed('the line is too long')
    if (bytes[at] === LF) return bytes[at - 1] === CR ? { at: at - 1 } : malformed('a line feed without its CR')
    if (bytes[at - 1] === CR) return malformed('a CR without its line feed')
  }
  return { at: -1 }
}

const endpoint = (isInet: boolean, address: string, port: string): Endpoint | undefined => {
  const fits = isInet ? isIPv4(address) : isIPv6(address)
  if (!fits || !PORT.test(port) || Number(port) > MAX_PORT) return undefined
  return { address: isInet ? address : ipv6Text(address), port: Number(port) }
}

/** The line of a TCP connection, without its CRLF. */
const parseEndpoints = (line: string, length: number): Parsed => {
  const [protocol, from = '', to = '', fromPort = '', toPort = '', ...rest] = line.split(' ')
  const isInet = protocol === 'TCP4'
  const source = endpoint(isInet, from, fromPort)
  const destination = endpoint(isInet, to, toPort)
  if (!source || !destination || rest.length > 0) return malformed(`not two addresses and two ports of ${protocol}`)
  const family = isInet ? 'inet' : 'inet6'
  return { kind: 'header', version: 1, command: 'proxy', family, source, destination, length }
}

/** `bytes` begin with the signature. */
export const parseLine = (bytes: Buffer): Parsed => {
  const end = lineEnd(bytes)
  if ('kind' in end) return end
  const isWhole = end.at >= 0
  const length = isWhole ? end.at + 2 : bytes.length
  const text = bytes.toString('latin1', SIGNATURE_V1.length, length)
  if (!PROTOCOLS.some((one) => one.startsWith(text.slice(0, one.length)))) return malformed('an unknown protocol')
  // What follows UNKNOWN is to be ignored.
  const isUnknown = text.startsWith('U')
  const line = text.replace(/\r\n?$/, '')
  if (!isUnknown && !FIELDS.test(line.slice(4))) return malformed('something else than addresses and ports')
  if (!isWhole) return MORE
  if (isUnknown) return { kind: 'header', version: 1, command: 'proxy', family: 'unspec', length }
  return parseEndpoints(line, length)
}
