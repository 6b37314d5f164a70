/** OpenAPI documents that a file of expectations names by their path: read where the file is read, and put in. */
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { UnderstudyError } from '../errors.ts'
import { isRecord } from './chosen-schema.ts'
import { readTextFile } from './document.ts'
import type { KeyPath } from './problems.ts'

const KEY = 'specUrlOrPayload'
const PATH = /^[^\n{]+\.(?:json|ya?ml)$/i
const ADDRESS = /^[a-z][a-z0-9+.-]+:/i

type Read = (path: string, at: KeyPath) => unknown

/** A schema before which the documents are put in; `file` is the file of expectations, which paths are relative to. */
export function withSpecFiles<T>(file: string, schema: z.ZodType<T>): z.ZodType<T> {
  return filled(schema, (path) => readTextFile(resolve(dirname(file), path)))
}

/** A schema before which paths of documents are refused. */
export function withoutSpecFiles<T>(schema: z.ZodType<T>): z.ZodType<T> {
  return filled(schema, () => {
    throw new UnderstudyError('FILE_UNREADABLE', 'files are not read from here; give the document itself')
  })
}

function filled<T>(schema: z.ZodType<T>, readFile: (path: string) => string): z.ZodType<T> {
  return z
    .unknown()
    .transform((value, context): unknown => {
      const read: Read = (path, at) => {
        try {
          return readFile(path)
        } catch (error) {
          if (!(error instanceof UnderstudyError)) throw error
          context.issues.push({ code: 'custom', input: path, message: error.message, path: [...at] })
          return path
        }
      }
      const document = inDocument(value, read)
      return context.issues.length > 0 ? z.NEVER : document
    })
    .pipe(schema)
}

function inDocument(value: unknown, read: Read): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, index) => inItem(item, [index], read))
  if (!isRecord(value) || !Array.isArray(value['expectations'])) return inItem(value, [], read)
  const items: readonly unknown[] = value['expectations']
  return { ...value, expectations: items.map((item, index) => inItem(item, ['expectations', index], read)) }
}

function inItem(item: unknown, at: KeyPath, read: Read): unknown {
  if (!isRecord(item)) return item
  const { httpRequest } = item
  if (isRecord(httpRequest) && isPath(httpRequest[KEY])) {
    return { ...item, httpRequest: { ...httpRequest, [KEY]: read(httpRequest[KEY], [...at, 'httpRequest', KEY]) } }
  }
  return isPath(item[KEY]) ? { ...item, [KEY]: read(item[KEY], [...at, KEY]) } : item
}

function isPath(given: unknown): given is string {
  return typeof given === 'string' && PATH.test(given) && !ADDRESS.test(given)
}
