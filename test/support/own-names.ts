import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'

/** The names that this machine gives its own addresses in /etc/hosts: looked up without a word to anyone. */
export const ownNames = (): string[] => {
  const own = new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []))
  const lines = readFileSync('/etc/hosts', 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
  const names = lines.flatMap(([address = '', ...rest]) => (own.has(address) || address.startsWith('127.') ? rest : []))
  return [...new Set(['localhost', ...names])]
}
