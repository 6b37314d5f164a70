/** The key `inbound`: which of the command's own ports are proxied, and how. docs/inbound.md explains it. */
import { z } from 'zod'
import { flag, ipAddress, MAX_PORT, whole } from './kinds.ts'

const MAX_PORTS = 64
/** IFNAMSIZ without its end, and no slash (Linux dev_valid_name). */
const INTERFACE = /^[^\s/:]{1,15}$/
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** A field value that cannot split a response (RFC 9110 5.5), in ASCII. */
const HEADER_VALUE = /^(?:[!-~](?:[ -~]{0,254}[!-~])?)?$/
const PATH = /^(?:\/[^\0]{1,4000})?$/

const doc = (text: string) => ({ doc: text })

export const InboundPort = z.strictObject({
  port: whole(1, MAX_PORT).meta(doc('The port that the application listens on.')),
  proxyPort: whole(0, MAX_PORT)
    .default(0)
    .meta(doc('tc: where the proxy listens for it, each port its own; 0 takes any free one.')),
  to: ipAddress.optional().meta(doc('The address that the application listens on; found out where it is not given.')),
  proxyProtocol: z
    .enum(['none', 'v1', 'v2'])
    .default('none')
    .meta(doc('The PROXY header that each connection to the application begins with.')),
})
export type InboundPort = Readonly<z.infer<typeof InboundPort>>

export const Inbound = z
  .strictObject({
    mode: z
      .enum(['auto', 'tc', 'sk_lookup'])
      .default('auto')
      .meta(
        doc(
          '`sk_lookup` chooses the socket, `tc` changes port numbers; `auto` takes sk_lookup where the kernel has it.',
        ),
      ),
    interface: z
      .string()
      .regex(INTERFACE, { error: 'expected the name of a network interface' })
      .optional()
      .meta(doc('tc: the interface that clients come in by; without it, that of the default route.')),
    ports: z
      .array(InboundPort)
      .max(MAX_PORTS)
      .default([])
      .meta(doc('The ports; with none, nothing inbound is proxied.')),
    preserveSource: flag.default(false).meta(doc('Whether the application sees the address of the client itself.')),
    forwarded: z
      .enum(['x-forwarded-for', 'forwarded', 'both', 'none'])
      .default('x-forwarded-for')
      .meta(doc('The headers that tell the application who the client is, where the source is not preserved.')),
    marker: z
      .string()
      .regex(HEADER_VALUE, { error: 'expected a header value of at most 256 printable ASCII characters' })
      .default('')
      .meta(doc('The value of a header that every forwarded answer carries; empty: none.')),
    markerHeader: z
      .string()
      .regex(HEADER_NAME, { error: 'expected the name of a header' })
      .default('server')
      .meta(doc('The name of that header; it replaces the one that the application sent.')),
    external: flag
      .default(false)
      .meta(
        doc(
          'Another proxy listens on the proxyPorts: it is only steered to, and SO_ORIGINAL_DST answered in its cgroup.',
        ),
      ),
    proxyCgroup: z
      .string()
      .regex(PATH, { error: 'expected an absolute path' })
      .default('')
      .meta(doc('The cgroup2 folder that the other proxy runs in.')),
    originalDstMap: z
      .string()
      .regex(PATH, { error: 'expected an absolute path' })
      .default('')
      .meta(doc("Where to pin (or find) a map of original destinations in MockServer's layout; empty: none.")),
  })
  .superRefine((inbound, context) => {
    const refuse = (path: readonly (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path: [...path], message, input: inbound })
    }
    checkPorts(inbound.ports, refuse)
    if (inbound.interface !== undefined && inbound.mode === 'sk_lookup') {
      refuse(['interface'], 'sk_lookup sees every interface; this is for tc only')
    }
    if (inbound.external) checkExternal(inbound, refuse)
    else if (inbound.proxyCgroup !== '') refuse(['proxyCgroup'], 'only where external is true')
  })
export type Inbound = Readonly<z.infer<typeof Inbound>>

type Refuse = (path: readonly (string | number)[], message: string) => void

function checkPorts(ports: readonly InboundPort[], refuse: Refuse): void {
  const applications = ports.map(({ port }) => port)
  const proxies = ports.map(({ proxyPort }) => proxyPort)
  for (const [i, { port, proxyPort }] of ports.entries()) {
    if (applications.indexOf(port) < i) refuse(['ports', i, 'port'], `${port} is named twice`)
    if (proxyPort === 0) continue
    if (proxies.indexOf(proxyPort) < i) refuse(['ports', i, 'proxyPort'], `${proxyPort} is used twice`)
    if (applications.includes(proxyPort)) {
      refuse(['ports', i, 'proxyPort'], `${proxyPort} is also a port of the application`)
    }
  }
}

function checkExternal(inbound: Omit<Inbound, never>, refuse: Refuse): void {
  if (inbound.mode === 'sk_lookup') refuse(['mode'], 'sk_lookup needs listeners of our own; with external it is tc')
  if (inbound.proxyCgroup === '') refuse(['proxyCgroup'], 'is needed with external: the cgroup2 folder of the proxy')
  if (inbound.preserveSource) refuse(['preserveSource'], 'is for the external proxy to do')
  if (inbound.marker !== '') refuse(['marker'], 'is for the external proxy to do')
  for (const [i, { proxyPort, proxyProtocol, to }] of inbound.ports.entries()) {
    if (proxyPort === 0) refuse(['ports', i, 'proxyPort'], 'is needed with external: where the proxy listens')
    if (proxyProtocol !== 'none') refuse(['ports', i, 'proxyProtocol'], 'is for the external proxy to do')
    if (to !== undefined) refuse(['ports', i, 'to'], 'is for the external proxy to do')
  }
}
