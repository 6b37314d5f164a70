/** Reads a Dockerfile as far as ours goes: stages, and the instructions of each. */

export interface Instruction {
  readonly name: string
  /** All that follows the name, continuations joined. */
  readonly text: string
}

export interface Stage {
  /** What FROM names, build arguments filled in. */
  readonly base: string
  /** Undefined for one that has no AS. */
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** The stages in order. Throws on a line that is no instruction, and on a build argument that has no default. */
export const stagesOf = (text: string): Stage[] => {
  const args = new Map<string, string>()
  const stages: (Stage & { readonly instructions: Instruction[] })[] = []
  for (const { name, text: rest } of instructionsOf(text)) {
    const current = stages.at(-1)
    if (name === 'FROM') {
      const [, base = '', as] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? []
      stages.push({ base: fill(base, args), name: as, instructions: [] })
    } else if (current) current.instructions.push({ name, text: rest })
    else if (name === 'ARG') args.set(rest.split('=', 1)[0] ?? '', rest.slice(rest.indexOf('=') + 1))
    else throw new Error(`${name} before the first FROM`)
  }
  return stages
}

const instructionsOf = (text: string): Instruction[] =>
  text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^([A-Z]+)\s+(.+)$/.exec(line) ?? []
      if (name === undefined || rest === undefined) throw new Error(`no instruction: ${line}`)
      return { name, text: rest }
    })

const fill = (text: string, args: ReadonlyMap<string, string>): string =>
  text.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = args.get(name)
    if (value === undefined) throw new Error(`${name} has no default`)
    return value
  })

export interface Copy {
  /** The stage it comes from; undefined is the checkout. */
  readonly from: string | undefined
  readonly sources: readonly string[]
  readonly to: string
}

/** What a COPY copies. */
export const copyOf = (text: string): Copy => {
  const words = text.split(/\s+/)
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length)
  const paths = words.filter((word) => !word.startsWith('--'))
  return { from, sources: paths.slice(0, -1), to: paths.at(-1) ?? '' }
}

/** The packages of Debian that a RUN installs. */
export const packagesOf = (text: string): string[] =>
  (/apt-get install (.*?)(?: &&|$)/.exec(text)?.[1] ?? '')
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('-'))
