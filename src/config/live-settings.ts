/** The settings of a process, some of which may change while it runs. */
import type { Policy } from '../decide/decide.ts'
import type { Read } from '../decide/matching/filter.ts'
import { isRecord } from './chosen-schema.ts'
import { checkValue, closest } from './problems.ts'
import { Config, defaultConfig } from './schema.ts'

/** What everybody who uses it looks up each time; all others are read once, at the start. */
export const CHANGEABLE = [
  'onUnmatched',
  'controlBodyBytes',
  'maxExpectations',
  'eventLogBytes',
  'eventLogBodyBytes',
  'mockServerVersion',
  'livenessHttpGetPath',
  'logLevel',
] as const satisfies readonly (keyof Config)[]

export interface LiveSettings {
  current(): Config
  /** What becomes of unmatched requests: reads the setting each time. */
  readonly policy: Policy
  /** Whether a setting was left alone, given at the start, or changed since. */
  sourceOf(name: string): 'default' | 'start' | 'api'
  /** Changes all that the document names, or nothing. A value that is the present one is no change. */
  change(given: unknown): Read<undefined>
  /** Called after every change. */
  onChange(told: (config: Config) => void): void
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const isKey = (name: string): name is keyof Config => Object.hasOwn(Config.shape, name)

const isChangeable = (key: keyof Config): boolean => CHANGEABLE.some((one) => one === key)

/** Java's names of levels are in capitals. */
const asGiven = (key: keyof Config, value: unknown): unknown =>
  key === 'logLevel' && typeof value === 'string' ? value.toLowerCase() : value

const checkKey = (name: string, given: unknown, config: Config): Read<Partial<Config>> => {
  if (!isKey(name)) {
    const meant = closest(name, Object.keys(Config.shape))
    return { problems: [`$.${name}: is not a setting${meant ? `; did you mean ${meant}?` : ''}`] }
  }
  if (isSame(given, config[name])) return { value: {} }
  if (!isChangeable(name)) return { problems: [`$.${name}: can only be set at the start`] }
  const checked = checkValue<unknown>(Config.shape[name], asGiven(name, given))
  if ('value' in checked) return { value: { [name]: checked.value } }
  return { problems: checked.problems.map(({ message }) => `$.${name}: ${message}`) }
}

export const createLiveSettings = (start: Config): LiveSettings => {
  const defaults = defaultConfig()
  const told: ((config: Config) => void)[] = []
  const changed = new Set<string>()
  let config = start

  return {
    current: () => config,
    policy: {
      get onUnmatched() {
        return config.onUnmatched
      },
    },
    sourceOf: (name) => {
      if (changed.has(name)) return 'api'
      return isKey(name) && isSame(start[name], defaults[name]) ? 'default' : 'start'
    },
    change: (given) => {
      if (!isRecord(given)) return { problems: ['$: expected an object'] }
      const checked = Object.entries(given).map(([name, value]) => checkKey(name, value, config))
      const problems = checked.flatMap((one) => ('problems' in one ? one.problems : []))
      if (problems.length > 0) return { problems }
      const changes = Object.assign({}, ...checked.map((one) => ('value' in one ? one.value : {}))) as Partial<Config>
      for (const name of Object.keys(changes)) changed.add(name)
      config = { ...config, ...changes }
      for (const each of told) each(config)
      return { value: undefined }
    },
    onChange: (each) => {
      told.push(each)
    },
  }
}
