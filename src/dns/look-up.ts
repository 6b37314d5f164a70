/**
 * Addresses for names that are dialled on a workload's behalf: asked of its own resolvers from its own namespace, because
 * ours may know another host by that name, and must not learn of its names.
 */
import { composeQuery, readAnswer } from './answer.ts'
import type { Ask } from './pending.ts'
import { readQuestion, TYPE } from './question.ts'

export type LookUp = (
  name: string,
  done: (error: NodeJS.ErrnoException | undefined, address: string | undefined) => void,
) => void

export interface LookUpOptions {
  readonly hosts: ReadonlyMap<string, string>
  readonly ask: Ask
  readonly hasIpv6: boolean
  readonly timeoutMs: number
}

const unknown = (name: string, why: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${name}: ${why}`), { code: 'ENOTFOUND' })

/** IPv4 first; one address, because one is dialled. */
export const createLookUp = ({ hosts, ask, hasIpv6, timeoutMs }: LookUpOptions): LookUp => {
  const askFor = (name: string, type: number, done: (address: string | undefined, why: string) => void): void => {
    const query = composeQuery(name, type)
    const question = query && readQuestion(query)
    if (!query || !question) return done(undefined, 'no name that a resolver could be asked for')
    ask(query, question, timeoutMs, (asked) => {
      if (asked.kind !== 'answered') return done(undefined, 'no resolver of the command answers')
      done(readAnswer(asked.message, question)?.addresses[0], 'no resolver of the command knows this name')
    })
  }
  return (name, done) => {
    const known = hosts.get(name.toLowerCase().replace(/\.$/, ''))
    if (known !== undefined) return done(undefined, known)
    askFor(name, TYPE.A, (four, why) => {
      if (four !== undefined) return done(undefined, four)
      if (!hasIpv6) return done(unknown(name, why), undefined)
      askFor(name, TYPE.AAAA, (six) => (six === undefined ? done(unknown(name, why), undefined) : done(undefined, six)))
    })
  }
}
