/** The repository's own files, for tests that read them as text. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NOT_OURS = new Set(['node_modules', 'build', '.git'])

/** Paths relative to the root, sorted, of the files under `folder` ('' = everywhere) whose names match `name`. */
export function filesUnder(folder: string, name = /./): string[] {
  const found: string[] = []
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (NOT_OURS.has(entry.name)) continue
      if (entry.isDirectory()) walk(join(path, entry.name))
      else if (entry.isFile() && name.test(entry.name)) found.push(relative(ROOT, join(path, entry.name)))
    }
  }
  walk(join(ROOT, folder))
  return found.sort()
}

/** The text of a file given relative to the root. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

/** TypeScript without its comments, good enough to look for names in: string literals are left as they are. */
export function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
