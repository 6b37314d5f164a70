/** Everything that is compared with a real MockServer, one file each. */
import { cookies } from './areas/cookies.ts'
import { flags } from './areas/flags.ts'
import { headers } from './areas/headers.ts'
import { methodAndPath } from './areas/method-and-path.ts'
import { parameterStyles } from './areas/parameter-styles.ts'
import { pathParameters } from './areas/path-parameters.ts'
import { query } from './areas/query.ts'
import { quirk } from './areas/quirks.ts'
import type { Area } from './exchange.ts'

export const areas: readonly Area[] = [
  methodAndPath,
  pathParameters,
  parameterStyles,
  query,
  headers,
  cookies,
  flags,
  quirk,
]
