/** Settings in effect: defaults, then the YAML file, then the environment. The only file that touches `process.env`. */
import { z } from 'zod'
import { listError, readDocument, readTextFile } from './document.ts'
import { checkValue, closest, keyText } from './problems.ts'
import { Config, defaultConfig } from './schema.ts'

export interface LoadedConfig {
  readonly config: Config
  /** Names that look like settings and are not; worth a line in the log, never a reason not to start. */
  readonly warnings: readonly string[]
}

export type Env = Readonly<Record<string, string | undefined>>

const PREFIX = 'UNDERSTUDY_'
/** Read by the launcher, the build and the tests, or given to commands; not settings. */
const OTHER_NAMES = new Set([
  'UNDERSTUDY_NODE',
  'UNDERSTUDY_REQUIRE_KERNEL',
  'UNDERSTUDY_OPEN_FILES',
  'UNDERSTUDY_CONTROL_URL',
])
const FileShape = z.record(z.string(), z.unknown()).optional()

/** The environment name of every key. */
export const ENV_NAMES: ReadonlyMap<keyof Config, string> = new Map(
  Object.entries(Config.shape).map(([key, schema]) => [key as keyof Config, String(schema.meta()?.['env'])]),
)

/**
 * Loads the settings. `path` names a YAML or JSON file; without it there are only defaults and the environment. `base`
 * replaces defaults for a command that wants others. An
 * empty environment value counts as not set. Throws FILE_UNREADABLE, or BAD_CONFIG listing every problem of the file
 * and of the environment at once.
 */
export function loadConfig(
  options: { readonly path?: string; readonly env?: Env; readonly base?: Partial<Config> } = {},
): LoadedConfig {
  const env = options.env ?? environment()
  const { path } = options
  const file =
    path === undefined
      ? undefined
      : readDocument({ path, text: readTextFile(path), schema: FileShape, code: 'BAD_CONFIG' })
  const fromEnv = readEnv(env)
  const checked = checkValue<Config>(Config, { ...options.base, ...file?.value, ...fromEnv })
  if ('value' in checked) return { config: checked.value, warnings: warningsOf(env) }
  const lines = checked.problems.map(({ path: at, message, atKey }) => {
    const [key = '', ...rest] = at
    const name = ENV_NAMES.get(key as keyof Config)
    if (name && Object.hasOwn(fromEnv, key)) return `${keyText([name, ...rest])}: ${message}`
    if (!file?.value || !Object.hasOwn(file.value, key)) return `${keyText(at)}, which is not set: ${message}`
    const { line, column } = file.locate(at, atKey)
    return `${path}:${line}:${column} ${keyText(at)}: ${message}`
  })
  throw listError('BAD_CONFIG', path ?? 'environment', lines)
}

/** The environment this process was started with. */
export function environment(): Env {
  // biome-ignore lint/style/noProcessEnv: this is the one place where the environment enters.
  return process.env
}

/** The values the environment sets, as raw as a YAML file would hold them: what does not parse is left for the schema. */
function readEnv(env: Env): Readonly<Record<string, unknown>> {
  const defaults = defaultConfig()
  const values: Record<string, unknown> = {}
  for (const [key, name] of ENV_NAMES) {
    const text = env[name]?.trim()
    if (text) values[key] = fromText(text, defaults[key])
  }
  return values
}

/** Reads text as the kind of value that `example` is. */
function fromText(text: string, example: unknown): unknown {
  if (typeof example === 'number') return /^-?\d+$/.test(text) ? Number(text) : text
  if (typeof example === 'boolean') return text === 'true' || (text === 'false' ? false : text)
  if (typeof example === 'object' && !Array.isArray(example)) return fromJson(text)
  if (!Array.isArray(example)) return text
  const entries = text.split(',').map((entry) => entry.trim())
  return entries.filter((entry) => entry !== '')
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // the schema says that an object is expected
  }
}

function warningsOf(env: Env): string[] {
  const known = [...ENV_NAMES.values()]
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !known.includes(name) && !OTHER_NAMES.has(name))
    .sort()
    .map((name) => {
      const meant = closest(
        name.slice(PREFIX.length),
        known.map((full) => full.slice(PREFIX.length)),
      )
      return `${name} is not a setting and is ignored${meant ? `; did you mean ${PREFIX}${meant}?` : ''}`
    })
}
