/**
 * The one schema of Understudy's settings: type, default, limits, environment name and documentation of every key.
 * `docs/configuration.md` is generated from it (`npm run docs`).
 */
import { isIP } from 'node:net'
import { z } from 'zod'
import { STRATEGY_NAMES } from '../resolve/strategy.ts'
import { AGENT_SETTINGS } from './agent-schema.ts'
import { Inbound } from './inbound-schema.ts'
import { flag, HostName, ipAddress, MAX_PORT, Origin, powerOfTwo, whole } from './kinds.ts'
import { Cidr, PortRange } from './networks.ts'

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

/** Room for some names, and not so much that it could hold somebody's real address by mistake. */
const reserved = (version: 4 | 6, widest: number, narrowest: number) =>
  Cidr.refine(({ address, prefix }) => isIP(address) === version && prefix >= widest && prefix <= narrowest, {
    error: `expected an IPv${version} CIDR from /${widest} to /${narrowest}`,
  })

/** How `run` gets hold of the command's connections (docs/capture.md). */
export const CAPTURES = ['auto', 'ebpf', 'nft', 'iptables', 'tproxy', 'none'] as const

export const Config = z
  .strictObject({
    listenPort: whole(0, MAX_PORT).default(0).meta({
      env: 'UNDERSTUDY_LISTEN_PORT',
      doc: 'Port of the listener that intercepted connections are redirected to; 0 takes any free port.',
    }),
    adminEnabled: flag.default(true).meta({
      env: 'UNDERSTUDY_ADMIN_ENABLED',
      doc: 'Whether health, readiness, metrics and recent flows are served over HTTP.',
    }),
    adminHost: ipAddress.default('127.0.0.1').meta({
      env: 'UNDERSTUDY_ADMIN_HOST',
      doc: 'Address the admin server listens on. Anything but loopback needs an `adminTokenFile` to show recorded traffic.',
    }),
    adminHosts: z.array(HostName).max(64).default([]).meta({
      env: 'UNDERSTUDY_ADMIN_HOSTS',
      accepts: 'a list of names such as "understudy" or ".svc.cluster.local" (all below it), or "*" for any',
      doc: 'Names that the admin server may be asked by, beside addresses and localhost.',
    }),
    adminTokenFile: z.string().max(4096).default('').meta({
      env: 'UNDERSTUDY_ADMIN_TOKEN_FILE',
      doc: 'A file of bearer tokens, one a line, one of which `/flows` and `/debug/…` of the admin server ask for; empty asks for none, and shows them on loopback only.',
    }),
    adminPort: whole(0, MAX_PORT).default(9901).meta({
      env: 'UNDERSTUDY_ADMIN_PORT',
      doc: 'Port of the admin server; 0 takes any free port.',
    }),
    onUnmatched: z.enum(['forward', 'refuse']).default('forward').meta({
      env: 'UNDERSTUDY_ON_UNMATCHED',
      doc: 'What happens to a request that no expectation matches: send it where it was going, or answer with an error.',
    }),
    failMode: z.enum(['open', 'closed']).default('open').meta({
      env: 'UNDERSTUDY_FAIL_MODE',
      doc: 'What the kernel does with new connections while the proxy is not there: let them go straight on, or refuse them.',
    }),
    interceptLoopback: flag.default(false).meta({
      env: 'UNDERSTUDY_INTERCEPT_LOOPBACK',
      doc: 'Whether connections to 127.0.0.0/8 and ::1 are intercepted too.',
    }),
    interceptLinkLocal: flag.default(false).meta({
      env: 'UNDERSTUDY_INTERCEPT_LINK_LOCAL',
      doc: 'Whether connections to 169.254.0.0/16 and fe80::/10 (cloud metadata among them) are intercepted too.',
    }),
    excludePorts: z.array(PortRange).max(16).default([]).meta({
      env: 'UNDERSTUDY_EXCLUDE_PORTS',
      doc: 'Destination ports left alone, each a port or a range such as "8000-8100".',
    }),
    excludeCidrs: z.array(Cidr).max(256).default([]).meta({
      env: 'UNDERSTUDY_EXCLUDE_CIDRS',
      doc: 'Destination networks left alone, each an IPv4 or IPv6 CIDR such as "10.0.0.0/8" or a single address.',
    }),
    capture: z.enum(CAPTURES).default('auto').meta({
      env: 'UNDERSTUDY_CAPTURE',
      doc: "How `run` gets hold of the command's connections; `auto` takes ebpf where it works, else nft, else iptables.",
    }),
    strategiesOff: z.array(z.enum(STRATEGY_NAMES)).max(STRATEGY_NAMES.length).default([]).meta({
      env: 'UNDERSTUDY_STRATEGIES_OFF',
      doc: 'Ways to learn the original destination that are not to be used (docs/strategies.md).',
    }),
    proxyProtocolFrom: z.array(Cidr).max(64).default([]).meta({
      env: 'UNDERSTUDY_PROXY_PROTOCOL_FROM',
      doc: 'Networks whose PROXY protocol headers are believed, each a CIDR or an address; with none, no headers are looked for. A header from elsewhere is refused.',
    }),
    proxyProtocolMalformed: z.enum(['refuse', 'pass']).default('refuse').meta({
      env: 'UNDERSTUDY_PROXY_PROTOCOL_MALFORMED',
      doc: 'What happens to a connection that begins with a broken PROXY header: it is reset, or all its bytes are taken for data.',
    }),
    inbound: Inbound.prefault({}).meta({
      env: 'UNDERSTUDY_INBOUND',
      doc: "Connections to the command's own ports go through us first: `ports` names them (docs/inbound.md).",
    }),
    upstreamConnectTimeoutMs: whole(1, HOUR_MS).default(10_000).meta({
      env: 'UNDERSTUDY_UPSTREAM_CONNECT_TIMEOUT_MS',
      doc: 'How long a connection to an upstream may take to open.',
    }),
    upstreamHeadersTimeoutMs: whole(1, HOUR_MS).default(60_000).meta({
      env: 'UNDERSTUDY_UPSTREAM_HEADERS_TIMEOUT_MS',
      doc: 'How long an upstream may take from the end of the request to the end of its response headers.',
    }),
    upstreamIdleTimeoutMs: whole(1, 24 * HOUR_MS)
      .default(300_000)
      .meta({
        env: 'UNDERSTUDY_UPSTREAM_IDLE_TIMEOUT_MS',
        doc: 'How long a body or a relayed connection may stand still before it is ended.',
      }),
    upstreamKeepAliveMs: whole(1, HOUR_MS).default(4_000).meta({
      env: 'UNDERSTUDY_UPSTREAM_KEEP_ALIVE_MS',
      doc: 'How long an idle upstream connection is kept for the next request.',
    }),
    upstreamConnectionsPerDestination: whole(1, MAX_PORT).default(256).meta({
      env: 'UNDERSTUDY_UPSTREAM_CONNECTIONS_PER_DESTINATION',
      doc: 'Most connections open at once to one upstream address and port; further requests wait.',
    }),
    upstreamDestinations: whole(1, 65_536).default(1024).meta({
      env: 'UNDERSTUDY_UPSTREAM_DESTINATIONS',
      doc: 'Most upstream addresses with a connection pool at once; the least recently used is closed first.',
    }),
    upstreamTlsVerify: flag.default(true).meta({
      env: 'UNDERSTUDY_UPSTREAM_TLS_VERIFY',
      doc: 'Whether a server that expectations forward to over HTTPS must prove to be the one they name.',
    }),
    upstreamTlsCaFile: z.string().default('').meta({
      env: 'UNDERSTUDY_UPSTREAM_TLS_CA_FILE',
      doc: "File of PEM certificates that such a server's may be issued by, beside those that Node.js trusts; empty for none.",
    }),
    clientHeadTimeoutMs: whole(1, HOUR_MS).default(30_000).meta({
      env: 'UNDERSTUDY_CLIENT_HEAD_TIMEOUT_MS',
      doc: 'How long a client may take from the first byte of a request head to its last.',
    }),
    clientIdleTimeoutMs: whole(1, 24 * HOUR_MS)
      .default(75_000)
      .meta({
        env: 'UNDERSTUDY_CLIENT_IDLE_TIMEOUT_MS',
        doc: 'How long a client connection may stay open between two requests.',
      }),
    peekTimeoutMs: whole(1, 10_000).default(200).meta({
      env: 'UNDERSTUDY_PEEK_TIMEOUT_MS',
      doc: 'How long to wait for the first bytes of a client before taking the protocol for one where the server speaks first; and for the rest of a TLS ClientHello, or the first HTTP/2 request where nothing else says where it goes.',
    }),
    maxHeadBytes: whole(1024, MIB).default(65_536).meta({
      env: 'UNDERSTUDY_MAX_HEAD_BYTES',
      doc: 'Largest request or response head accepted, in bytes.',
    }),
    maxHeaders: whole(1, 2000).default(200).meta({
      env: 'UNDERSTUDY_MAX_HEADERS',
      doc: 'Most header lines accepted in one head.',
    }),
    maxConnections: whole(1, 1_000_000).default(10_000).meta({
      env: 'UNDERSTUDY_MAX_CONNECTIONS',
      doc: 'Most client connections held at once; one more is closed as soon as it is accepted.',
    }),
    bodyMatchBytes: whole(0, 64 * MIB)
      .default(MIB)
      .meta({
        env: 'UNDERSTUDY_BODY_MATCH_BYTES',
        doc: 'Most bytes of one request body held in memory for matching; a longer body matches no body condition.',
      }),
    bodyMatchTotalBytes: whole(0, 4096 * MIB)
      .default(64 * MIB)
      .meta({
        env: 'UNDERSTUDY_BODY_MATCH_TOTAL_BYTES',
        doc: 'Most bytes of request bodies held in memory for matching over all requests together.',
      }),
    heartbeatIntervalMs: whole(100, 60_000).default(1000).meta({
      env: 'UNDERSTUDY_HEARTBEAT_INTERVAL_MS',
      doc: 'How often the proxy tells the kernel that it is alive.',
    }),
    heartbeatStaleMs: whole(200, 600_000).default(5000).meta({
      env: 'UNDERSTUDY_HEARTBEAT_STALE_MS',
      doc: 'Age of the last heartbeat at which the kernel takes the proxy for dead; at least two intervals.',
    }),
    eventsIntervalMs: whole(1, 10_000).default(50).meta({
      env: 'UNDERSTUDY_EVENTS_INTERVAL_MS',
      doc: 'How often the connection summaries of the kernel are collected.',
    }),
    ringBytes: powerOfTwo(65_536, 256 * MIB)
      .default(MIB)
      .meta({
        env: 'UNDERSTUDY_RING_BYTES',
        doc: 'Size of the buffer for connection summaries in the kernel, in bytes; a power of two.',
      }),
    flowCapacity: whole(1024, 4 * MIB)
      .default(65_536)
      .meta({
        env: 'UNDERSTUDY_FLOW_CAPACITY',
        doc: 'Most connections whose original destination the kernel remembers at once.',
      }),
    dnsEnabled: flag.default(true).meta({
      env: 'UNDERSTUDY_DNS_ENABLED',
      doc: 'Whether DNS queries of the command pass through us, which tells names of addresses and answers for names that exist only as expectations.',
    }),
    dnsReserved4: reserved(4, 8, 30).prefault('240.241.0.0/16').meta({
      env: 'UNDERSTUDY_DNS_RESERVED4',
      accepts: 'an IPv4 CIDR from /8 to /30',
      doc: 'IPv4 network whose addresses stand for names that exist only as expectations; nothing else may use it.',
    }),
    dnsReserved6: reserved(6, 32, 126).prefault('2001:2:0:1::/64').meta({
      env: 'UNDERSTUDY_DNS_RESERVED6',
      accepts: 'an IPv6 CIDR from /32 to /126',
      doc: 'The same for IPv6.',
    }),
    dnsUpstreamTimeoutMs: whole(1, 60_000).default(2000).meta({
      env: 'UNDERSTUDY_DNS_UPSTREAM_TIMEOUT_MS',
      doc: 'How long the resolver may take for the name of an expectation before we answer in its place; for any other name it has 5 seconds.',
    }),
    dnsMaxInFlight: whole(1, 32_768).default(4096).meta({
      env: 'UNDERSTUDY_DNS_MAX_IN_FLIGHT',
      doc: 'Most DNS queries that wait for a resolver at once; one more is dropped, and the client asks again.',
    }),
    dnsCacheEntries: whole(0, 65_536).default(1024).meta({
      env: 'UNDERSTUDY_DNS_CACHE_ENTRIES',
      doc: 'Most DNS answers kept for as long as their records allow; 0 asks the resolver each time.',
    }),
    workloadNamespace: z
      .string()
      .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, {
        error: 'expected the name of a namespace, such as "payments"',
      })
      .default('local')
      .meta({
        env: 'UNDERSTUDY_WORKLOAD_NAMESPACE',
        doc: 'The namespace that the command of `run` belongs to, for expectations with a scope (docs/scopes.md).',
      }),
    workloadLabels: z.record(z.string().min(1), z.string()).default({}).meta({
      env: 'UNDERSTUDY_WORKLOAD_LABELS',
      doc: 'The labels that the command of `run` has, for expectations with a scope.',
    }),
    controlEnabled: flag.default(true).meta({
      env: 'UNDERSTUDY_CONTROL_ENABLED',
      doc: "Whether `serve` answers MockServer's control API on its port, and keeps an event log for it; `run` does where `--control` asks for it.",
    }),
    controlBodyBytes: whole(1024, 256 * MIB)
      .default(16 * MIB)
      .meta({ env: 'UNDERSTUDY_CONTROL_BODY_BYTES', doc: 'Most bytes of one document sent to the control API.' }),
    controlCorsOrigins: z.array(Origin).max(64).default([]).meta({
      env: 'UNDERSTUDY_CONTROL_CORS_ORIGINS',
      accepts: 'a list of origins such as "https://ui.example", or "*" for any',
      doc: 'Web pages that may call the control API beside those of this machine, by their origin.',
    }),
    controlHosts: z.array(HostName).max(64).default([]).meta({
      env: 'UNDERSTUDY_CONTROL_HOSTS',
      accepts: 'a list of names such as "mocks" or ".svc.cluster.local" (all below it), or "*" for any',
      doc: 'Names that GET calls of the control API may be sent to beside addresses, localhost and the name of `--host`.',
    }),
    controlTokenFile: z.string().max(4096).default('').meta({
      env: 'UNDERSTUDY_CONTROL_TOKEN_FILE',
      doc: 'A file of bearer tokens, one a line, one of which every call of the control API has to bring; empty asks for none.',
    }),
    controlMetricsEnabled: flag.default(true).meta({
      env: 'UNDERSTUDY_CONTROL_METRICS_ENABLED',
      doc: 'Whether the control API serves metrics; else `GET /mockserver/metrics` is 404.',
    }),
    maxExpectations: whole(1, 1_000_000).default(100_000).meta({
      env: 'UNDERSTUDY_MAX_EXPECTATIONS',
      doc: 'Most expectations held at once; a call that would add more is refused.',
    }),
    eventLogBytes: whole(64 * 1024, 8192 * MIB)
      .default(16 * MIB)
      .meta({
        env: 'UNDERSTUDY_EVENT_LOG_BYTES',
        doc: 'Most memory for the requests and answers that the control API can retrieve and verify; the oldest go first.',
      }),
    eventLogBodyBytes: whole(0, 64 * MIB)
      .default(256 * 1024)
      .meta({
        env: 'UNDERSTUDY_EVENT_LOG_BODY_BYTES',
        doc: 'Most bytes of one body kept in the event log; of a longer one, the start is kept and marked.',
      }),
    recordingBytes: whole(64 * 1024, 4096 * MIB)
      .default(64 * MIB)
      .meta({
        env: 'UNDERSTUDY_RECORDING_BYTES',
        doc: 'Most memory for what `--record-expectations` has recorded; further exchanges are left out.',
      }),
    recordingBodyBytes: whole(0, 256 * MIB)
      .default(4 * MIB)
      .meta({
        env: 'UNDERSTUDY_RECORDING_BODY_BYTES',
        doc: 'Most bytes of one body in a recording; an exchange with a longer one is left out.',
      }),
    mockServerVersion: z
      .string()
      .regex(/^\d+\.\d+\.\d+$/, { error: 'expected a version such as 5.15.0' })
      .default('5.15.0')
      .meta({
        env: 'UNDERSTUDY_MOCK_SERVER_VERSION',
        doc: 'The version of MockServer that the control API says it is; Java clients refuse another than their own.',
      }),
    callbackTimeoutMs: whole(1, HOUR_MS).default(90_000).meta({
      env: 'UNDERSTUDY_CALLBACK_TIMEOUT_MS',
      doc: 'How long a callback client may take to answer a request; the request then gets 504.',
    }),
    callbackClients: whole(0, 65_536).default(1500).meta({
      env: 'UNDERSTUDY_CALLBACK_CLIENTS',
      doc: 'Most callback clients connected to the control API at once; one more is refused.',
    }),
    livenessHttpGetPath: z
      .string()
      .regex(/^(?:\/[\x21\x24-\x3e\x40-\x7e]*)?$/, { error: 'expected a path such as /liveness/probe' })
      .default('')
      .meta({
        env: 'UNDERSTUDY_LIVENESS_HTTP_GET_PATH',
        doc: 'A path that `serve` answers to GET with its status, such as "/liveness/probe"; empty for none.',
      }),
    logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info').meta({
      env: 'UNDERSTUDY_LOG_LEVEL',
      doc: 'Least severe level that is logged; `info` logs every exchange, `debug` every connection. `run` has `warn`.',
    }),
    ...AGENT_SETTINGS,
  })
  .superRefine((config, context) => {
    const refuse = (key: keyof typeof config, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message, input: config[key] })
    if (config.heartbeatStaleMs < 2 * config.heartbeatIntervalMs) {
      refuse(
        'heartbeatStaleMs',
        `${config.heartbeatStaleMs} is less than twice heartbeatIntervalMs (${config.heartbeatIntervalMs})`,
      )
    }
    if (config.bodyMatchTotalBytes < config.bodyMatchBytes) {
      refuse(
        'bodyMatchTotalBytes',
        `${config.bodyMatchTotalBytes} is less than bodyMatchBytes (${config.bodyMatchBytes})`,
      )
    }
    if (config.adminEnabled && config.adminPort !== 0 && config.adminPort === config.listenPort) {
      refuse('adminPort', `${config.adminPort} is also listenPort`)
    }
    for (const { port, proxyPort } of config.inbound.ports) {
      if (config.listenPort === 0) break
      if (port === config.listenPort) refuse('inbound', `port ${port} is also listenPort`)
      if (proxyPort === config.listenPort) refuse('inbound', `proxyPort ${proxyPort} is also listenPort`)
    }
  })

/** Every setting with its value; frozen by type, built once at start. */
export type Config = Readonly<z.infer<typeof Config>>

/** The settings of an installation that sets nothing. */
export function defaultConfig(): Config {
  return Config.parse({})
}
