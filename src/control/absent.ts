/** Calls of MockServer 8 that are not spoken here: said so with 501, instead of being taken for mocked traffic. */
import type { Handler } from './ports.ts'
import { json, text } from './reply.ts'

/** Why not, and the first segments, behind the prefix, of the paths it is about. */
const ABSENT: readonly (readonly [reason: string, names: string])[] = [
  ['the process keeps the time of its machine', 'clock'],
  ['the records show what was decided and why (docs/records.md)', 'debugMismatch explainUnmatched diff drift audit'],
  [
    'expectations are read from its own documents, OpenAPI, HAR and Postman only',
    'wsdl graphql pact generateExpectation',
  ],
  ['it keeps no state beside expectations', 'namespace crud files cassettes recordings baseline'],
  ['it stops no request half-way', 'breakpoint replay'],
  [
    'it disturbs and loads nothing on its own',
    'serviceChaos tcpChaos grpcChaos chaosExperiment preemption loadScenario',
  ],
  ['it judges single requests only', 'verifySLO contractTest trafficValidate'],
  ['it speaks HTTP/1.x only', 'grpc asyncapi http3status'],
  ['it has no such stand-in', 'wasm oidc saml scim mcp llm'],
  ['one process knows nothing of others', 'cluster'],
  ['it is set up at its start (docs/configuration.md)', 'proxyConfiguration proxySetup'],
  ['there are the flows of the admin server instead (docs/records.md)', 'dashboard'],
]

const reasons = new Map(
  ABSENT.flatMap(([reason, list]) => list.split(' ').map((name) => [`/${name}`, reason] as const)),
)

/** Whose answer the client for node reads as JSON whatever its status; it then rejects for 400 only. */
const READ_AS_JSON = '/pact/verify'

/** The answer of a call that is not there; undefined for what is no call of MockServer's either. */
export const absent = (path: string): Handler | undefined => {
  const reason = reasons.get(`/${path.split('/')[1] ?? ''}`)
  if (reason === undefined) return undefined
  const sentence = `understudy does not speak ${path} of MockServer's API: ${reason}`
  return () => (path === READ_AS_JSON ? json(400, JSON.stringify({ error: sentence })) : text(501, sentence))
}
