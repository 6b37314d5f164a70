/** What the API was told to do, beside the requests: in a room of its own, so that it drives out no request. */
import { createByteRing } from './byte-ring.ts'

export type NoteType =
  | 'CREATED_EXPECTATION'
  | 'UPDATED_EXPECTATION'
  | 'CLEARED'
  | 'VERIFICATION'
  | 'VERIFICATION_PASSED'
  | 'VERIFICATION_FAILED'

/** Something the API was told to do. */
export interface Note {
  readonly type: NoteType
  readonly atMs: number
  /** A sentence in which `{}` stands for one of the documents. */
  readonly format: string
  /** The documents as one JSON array; undefined where they were too long to be kept. */
  readonly documents: string | undefined
  costBytes: number | undefined
}

const NOTE_CHARACTERS = 16_384
const NOTE_BYTES = 200
/** Of the bytes of the log, the part that notes may take on top. */
const NOTES_PART = 16

export interface Notes {
  readonly items: readonly Note[]
  readonly bytes: number
  note(type: NoteType, atMs: number, format: string, ...documents: readonly unknown[]): void
  bound(limitBytes: number): void
  clear(): void
}

const newNote = (type: NoteType, atMs: number, format: string, documents: readonly unknown[]): Note => {
  const whole = JSON.stringify(documents)
  const kept = whole.length > NOTE_CHARACTERS ? undefined : whole
  return { type, atMs, format: format.slice(0, NOTE_CHARACTERS), documents: kept, costBytes: undefined }
}

/** `limitBytes` are those of the whole log. */
export const createNotes = (limitBytes: number): Notes => {
  const ring = createByteRing<Note>(limitBytes / NOTES_PART, () => undefined)
  return {
    get items() {
      return ring.items
    },
    get bytes() {
      return ring.bytes
    },
    note: (type, atMs, format, ...documents) => {
      const note = newNote(type, atMs, format, documents)
      ring.add(note, NOTE_BYTES + (note.format.length + (note.documents?.length ?? 0)) * 2)
    },
    bound: (bytes) => ring.limit(bytes / NOTES_PART),
    clear: ring.clear,
  }
}
