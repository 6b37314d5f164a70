/** The load: wrk on a core of its own, and what it says. */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BUILT, CORES, onCore } from './cores.ts'

const run = promisify(execFile)
/** A peer that has much to go through may take that long for one answer. */
const PATIENCE = '30s'

export interface Load {
  readonly connections: number
  readonly seconds: number
  readonly url: string
  /** A file that says what is asked, where it is not GET of the URL. */
  readonly script?: string
}

export const wrkCommand = ({ connections, seconds, url, script }: Load): string[] =>
  onCore(
    CORES.load,
    ...['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', PATIENCE],
    ...(script === undefined ? [] : ['-s', script]),
    url,
  )

/** Requests per second; throws where not every request was answered as it should be. */
export const rateOf = (printed: string): number => {
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1])
  if (rate === 0) throw new Error('not one answer came in time')
  if (!(rate > 0) || /Non-2xx|Socket errors/.test(printed)) throw new Error(`the load went wrong: ${printed}`)
  return rate
}

export const measureRate = async (load: Load): Promise<number> => {
  const [program = '', ...argv] = wrkCommand(load)
  const { stdout } = await run(program, argv)
  return rateOf(stdout)
}

/** One request as the load sends it. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const lua = (text: string): string => `"${text.replace(/[\\"]/g, (one) => `\\${one}`)}"`

const formatted = ({ method, path, headers, body }: Asked): string => {
  const sent = Object.entries({ ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers })
  const table = sent.map(([name, value]) => `[${lua(name)}]=${lua(value)}`).join(', ')
  return `wrk.format(${lua(method)}, ${lua(path)}, {${table}}, ${body === undefined ? 'nil' : lua(body)})`
}

/** Writes a script that asks these in turn; returns its path. */
export const writeScript = (name: string, requests: readonly Asked[]): string => {
  const folder = join(BUILT, 'wrk')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.lua`)
  const lines = requests.map((asked) => `  all[#all + 1] = ${formatted(asked)}`)
  // A function of Lua takes a limited number of constants: they are made in portions.
  const portions: string[] = []
  for (let at = 0; at < lines.length; at += 1000) {
    portions.push(`local function portion${at}()\n${lines.slice(at, at + 1000).join('\n')}\nend`)
  }
  const calls = portions.map((_, index) => `  portion${index * 1000}()`)
  const init = `function init()\n${calls.join('\n')}\nend`
  const request = 'function request()\n  at = at % #all + 1\n  return all[at]\nend'
  writeFileSync(path, ['local all = {}', 'local at = 0', ...portions, init, request, ''].join('\n'))
  return path
}
