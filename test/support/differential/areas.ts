/** Everything that is compared with a real MockServer, a file or two of a kind each. */
import { bodyGraphql, bodyJsonRpc } from './areas/body-calls.ts'
import { bodyJson, bodyJsonFilters, bodyJsonPath, bodyJsonSchema, bodyPlaceholders } from './areas/body-json.ts'
import { bodyBinary, bodyMultipart, bodyParameters } from './areas/body-parts.ts'
import { bodyText } from './areas/body-text.ts'
import { bodyXml, bodyXpath } from './areas/body-xml.ts'
import { connectionOptions } from './areas/connection-options.ts'
import { control } from './areas/control.ts'
import { cookies } from './areas/cookies.ts'
import { errors } from './areas/errors.ts'
import { flags } from './areas/flags.ts'
import { fallback, forwarding, overriding } from './areas/forwarding.ts'
import { headers } from './areas/headers.ts'
import { limits, responseModes, scenarios } from './areas/limits.ts'
import {
  beforeBody,
  bodyFuzzy,
  bodyXmlSchema,
  compressedBodies,
  deepObjects,
  negotiation,
  numbersAsStrings,
} from './areas/matching-later.ts'
import { methodAndPath } from './areas/method-and-path.ts'
import { imports, openApiExpectations, openApiMatchers } from './areas/openapi.ts'
import { order } from './areas/order.ts'
import { parameterStyles } from './areas/parameter-styles.ts'
import { pathParameters } from './areas/path-parameters.ts'
import { query } from './areas/query.ts'
import { quirk } from './areas/quirks.ts'
import { responses } from './areas/responses.ts'
import { pages, retrieved } from './areas/retrieved.ts'
import { templates } from './areas/templates.ts'
import { wrongDocuments } from './areas/wrong-documents.ts'
import type { Area } from './exchange.ts'

export const areas: readonly Area[] = [
  ...[methodAndPath, pathParameters, parameterStyles, query, headers, cookies, flags],
  ...[bodyText, bodyJson, bodyPlaceholders, bodyJsonSchema, bodyJsonPath, bodyJsonFilters, bodyXml, bodyXpath],
  ...[bodyParameters, bodyBinary, bodyMultipart, bodyGraphql, bodyJsonRpc],
  ...[compressedBodies, bodyXmlSchema, bodyFuzzy, negotiation, numbersAsStrings, deepObjects, beforeBody],
  ...[openApiMatchers, openApiExpectations, imports, forwarding, overriding, fallback],
  ...[errors, responseModes, scenarios, limits, retrieved, templates, connectionOptions],
  ...[order, responses, control, wrongDocuments, quirk],
  // Last: from its preflights on, MockServer 5.15 sends CORS headers to everybody.
  pages,
]
