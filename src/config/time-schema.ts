/** Units of time and whole numbers, as expectations give them. */
import { z } from 'zod'

export const UNIT_MS = {
  NANOSECONDS: 1e-6,
  MICROSECONDS: 1e-3,
  MILLISECONDS: 1,
  SECONDS: 1000,
  MINUTES: 60_000,
  HOURS: 3_600_000,
  DAYS: 86_400_000,
} as const

export const TimeUnit = z.enum(Object.keys(UNIT_MS) as [keyof typeof UNIT_MS, ...(keyof typeof UNIT_MS)[]])
export const Whole = z.int().min(0)
