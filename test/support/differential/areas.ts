/** Everything that is compared with a real MockServer, a file or two of a kind each. */
import { bodyGraphql, bodyJsonRpc } from './areas/body-calls.ts'
import { bodyJson, bodyJsonFilters, bodyJsonPath, bodyJsonSchema, bodyPlaceholders } from './areas/body-json.ts'
import { bodyBinary, bodyMultipart, bodyParameters } from './areas/body-parts.ts'
import { bodyText } from './areas/body-text.ts'
import { bodyXml, bodyXpath } from './areas/body-xml.ts'
import { control } from './areas/control.ts'
import { cookies } from './areas/cookies.ts'
import { flags } from './areas/flags.ts'
import { headers } from './areas/headers.ts'
import { methodAndPath } from './areas/method-and-path.ts'
import { order } from './areas/order.ts'
import { parameterStyles } from './areas/parameter-styles.ts'
import { pathParameters } from './areas/path-parameters.ts'
import { query } from './areas/query.ts'
import { quirk } from './areas/quirks.ts'
import { responses } from './areas/responses.ts'
import { wrongDocuments } from './areas/wrong-documents.ts'
import type { Area } from './exchange.ts'

export const areas: readonly Area[] = [
  ...[methodAndPath, pathParameters, parameterStyles, query, headers, cookies, flags],
  ...[bodyText, bodyJson, bodyPlaceholders, bodyJsonSchema, bodyJsonPath, bodyJsonFilters, bodyXml, bodyXpath],
  ...[bodyParameters, bodyBinary, bodyMultipart, bodyGraphql, bodyJsonRpc],
  ...[order, responses, control, wrongDocuments, quirk],
]
