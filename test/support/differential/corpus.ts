/** Cases with what a real MockServer answered, in a file: they can be asked of us where there is no such server. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Answer, Case } from './exchange.ts'

export interface RecordedCase extends Case {
  /** Normalised, one per step. */
  readonly answers: readonly Answer[]
}

export interface Corpus {
  /** Which MockServer answered. */
  readonly version: string
  readonly cases: readonly RecordedCase[]
}

const FOLDER = fileURLToPath(new URL('../../fixtures/differential', import.meta.url))
const fileOf = (version: string): string => join(FOLDER, `mockserver-${version}.json.gz`)

export const readCorpus = (version: string): Corpus =>
  JSON.parse(gunzipSync(readFileSync(fileOf(version))).toString('utf8')) as Corpus

/** One line a case, so that a changed one can be found. Returns the bytes written. */
export const writeCorpus = ({ version, cases }: Corpus): number => {
  const text = `{"version":${JSON.stringify(version)},"cases":[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]}\n`
  const bytes = gzipSync(text, { level: 9 })
  writeFileSync(fileOf(version), bytes)
  return bytes.length
}
