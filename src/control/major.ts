/** Which MockServer it says to be decides where old and new ones write differently. */
import type { Context } from './ports.ts'

/** The first number of `mockServerVersion`. */
export const majorOf = ({ limits }: Pick<Context, 'limits'>): number => Number.parseInt(limits.version, 10)
