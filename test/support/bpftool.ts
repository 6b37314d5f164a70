/** What bpftool, a reader that shares no code with ours, says about maps, links and cgroups. */
import { execFileSync } from 'node:child_process'

const ask = (...argv: string[]): unknown => {
  const text = execFileSync('bpftool', ['-j', ...argv], {
    encoding: 'utf8',
    env: { PATH: `/usr/sbin:${process.env['PATH'] ?? ''}` },
  })
  return text.trim() === '' ? [] : JSON.parse(text)
}

const hex = (bytes: Buffer): string[] => [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`)

/** A cookie as a map's key, in this machine's order. */
export const cookieKey = (cookie: bigint): Buffer => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64LE(cookie)
  return key
}

/** The value of a pinned map's entry. Throws when there is none. */
export const lookUp = (pin: string, key: Buffer): Buffer => {
  const entry = ask('map', 'lookup', 'pinned', pin, 'key', 'hex', ...hex(key)) as { value: string[] }
  return Buffer.from(entry.value.map(Number))
}

export const remove = (pin: string, key: Buffer): void => {
  ask('map', 'delete', 'pinned', pin, 'key', 'hex', ...hex(key))
}

/** Names of the programs attached to a cgroup itself, as the kernel keeps them: 15 characters. */
export const attachedTo = (cgroup: string): string[] =>
  (ask('cgroup', 'show', cgroup) as { name: string }[]).map(({ name }) => name.slice(0, 15))

/** How many entries a pinned map has. */
export const entryCount = (pin: string): number => (ask('map', 'dump', 'pinned', pin) as unknown[]).length

export const update = (pin: string, key: Buffer, value: Buffer): void => {
  ask('map', 'update', 'pinned', pin, 'key', 'hex', ...hex(key), 'value', 'hex', ...hex(value))
}

/** The link stays, and its program runs no more. */
export const detachLink = (pin: string): void => {
  ask('link', 'detach', 'pinned', pin)
}
