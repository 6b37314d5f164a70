/**
 * Proves that interception works here, with the very code of `understudy run`: a child dials an address where nobody
 * listens, a name that nobody else knows, or from outside a port of the command, and gets a mocked answer; the record must
 * say who knew where it was going.
 */
import { Inbound } from '../config/inbound-schema.ts'
import { environment } from '../config/load.ts'
import { type Config, defaultConfig } from '../config/schema.ts'
import { compileExpectation, type Expectation } from '../decide/matching/expectation.ts'
import type { InboundMode } from '../kernel/inbound-ports.ts'
import type { StrategyName } from '../resolve/strategy.ts'
import { runCommand } from '../run/run-command.ts'
import { ANSWER_ALL, type Proof, type ProvedExchange, recorded, STATUS, TIMEOUT_MS, target } from './proof.ts'

/** How the connection of a self-test may be captured. */
export type ProvedCapture = 'ebpf' | 'nft' | 'iptables' | 'tproxy'

/** Who then has to know where it was going. */
const KNOWN_BY: Readonly<Record<ProvedCapture, readonly StrategyName[]>> = {
  ebpf: ['ebpf'],
  nft: ['so-original-dst', 'conntrack'],
  iptables: ['so-original-dst', 'conntrack'],
  tproxy: ['tproxy'],
}

/** The child's exit code for the mocked status; any other is a failure. */
const ANSWERED = 42
/** Its exit code where no name server answered. */
const NOT_NAMED = 3
const CLIENT = `
const [address, port, host, resolver] = process.argv.slice(1)
const ask = (address) => require('node:http')
  .get({ host: address, port, headers: { host }, timeout: ${TIMEOUT_MS} }, ({ statusCode }) => {
    process.exit(statusCode === ${STATUS} ? ${ANSWERED} : 1)
  })
  .on('timeout', () => process.exit(2))
  .on('error', () => process.exit(2))
if (!resolver) ask(address)
else {
  const { Resolver } = require('node:dns')
  const dns = new Resolver({ timeout: ${TIMEOUT_MS}, tries: 1 })
  dns.setServers([resolver])
  dns.resolve4(host, (error, [found] = []) => error ? process.exit(${NOT_NAMED}) : ask(found))
}`

/** Nobody may ever have this name (RFC 6761). */
const NAME = 'understudy-doctor.invalid'
const NAME_PORT = 9
/** Nobody listens there; a mocked answer needs no application. */
const INBOUND_PORT = 9
/** An address of the namespace's own loopback, where no name server listens. */
const RESOLVER = '127.0.0.53'

interface Experiment {
  readonly capture: ProvedCapture | 'none'
  /** A network namespace with its loopback up; ours without one. */
  readonly netns?: string
  readonly config?: Partial<Config>
  readonly expectation: Expectation
  /** Arguments of the child. */
  readonly client: readonly string[]
  /** A program that starts the child. */
  readonly by?: readonly [string, ...string[]]
  /** What the connection is called in what is said. */
  readonly what: string
  readonly destination: string
  readonly knownBy: readonly string[]
}

const NAMELESS: ProvedExchange = { trail: [] }

const judge = (experiment: Experiment, status: number, exchange: ProvedExchange = NAMELESS): Proof => {
  const { capture, what, destination, knownBy } = experiment
  const how = capture === 'none' ? '--config inbound.yaml' : `--capture ${capture}`
  const remedy = `Run \`understudy run ${how} --log-level debug -- curl …\` and look at what it says.`
  if (status === NOT_NAMED) return { state: 'missing', said: `nobody answered for the name ${NAME}`, remedy }
  if (status !== ANSWERED) return { state: 'missing', said: `${what} was not intercepted`, remedy, exchange }
  const { originalDestination = 'nothing', resolvedBy = 'nobody', trail } = exchange
  if (originalDestination === destination && knownBy.includes(resolvedBy)) {
    return { state: 'ok', said: `${what} was intercepted, and the kernel said where it went`, remedy: '', exchange }
  }
  const asked = trail.filter(({ strategy }) => knownBy.includes(strategy))
  const why = asked.map(({ strategy, detail }) => `; ${strategy}: ${detail}`).join('')
  const said = `the kernel did not say ${destination}, but ${originalDestination} (by ${resolvedBy})${why}`
  return { state: 'missing', said, remedy, exchange }
}

const intercept = (experiment: Experiment): Promise<Proof> =>
  recorded(
    async (recordPath) => {
      const { capture, netns, expectation, client, by = [] } = experiment
      const { status } = await runCommand({
        config: {
          ...defaultConfig(),
          interceptLoopback: true,
          adminEnabled: false,
          logLevel: 'silent',
          onUnmatched: 'refuse', // whatever goes wrong, nothing is sent on
          capture,
          ...experiment.config,
        },
        warnings: [],
        expectations: [expectation],
        argv: [...by, process.execPath, '-e', CLIENT, ...client],
        // no NODE_OPTIONS and no proxy settings: this is a bare client
        env: { PATH: environment()['PATH'] },
        recordPath,
        withSummary: false,
        ...(netns === undefined ? {} : { netns }),
      })
      return ([exchange]) => judge(experiment, status, exchange)
    },
    (proof) => proof,
  )

export interface SelfTestOptions {
  readonly capture: ProvedCapture
  readonly netns?: string
  readonly strategiesOff?: readonly StrategyName[]
}

/** Intercepts one connection of its own; needs root. Never throws what a machine is to blame for. */
export const selfTest = ({ capture, netns, strategiesOff = [] }: SelfTestOptions): Promise<Proof> => {
  const { address, port } = target()
  const destination = `${address}:${port}`
  return intercept({
    capture,
    ...(netns === undefined ? {} : { netns }),
    config: { strategiesOff: [...strategiesOff] },
    expectation: ANSWER_ALL,
    client: [address, `${port}`, destination],
    what: `a connection to ${destination}`,
    destination,
    knownBy: KNOWN_BY[capture].filter((name) => !strategiesOff.includes(name)),
  })
}

/**
 * The same for a connection to a name that exists only as an expectation: the child asks a name server that is not
 * there. Needs a namespace without a way out.
 */
export const nameTest = (netns: string): Promise<Proof> =>
  intercept({
    capture: 'ebpf',
    netns,
    expectation: compileExpectation(
      {
        id: undefined,
        priority: 0,
        httpRequest: { headers: [{ name: 'host', values: [NAME] }] },
        action: ANSWER_ALL.action,
        remainingTimes: 1,
        timeToLiveMs: Number.POSITIVE_INFINITY,
      },
      'doctor',
    ),
    client: ['', `${NAME_PORT}`, NAME, RESOLVER],
    what: `a connection to ${NAME}`,
    destination: `${NAME}:${NAME_PORT}`,
    knownBy: ['dns'],
  })

/** The namespace of an application, and that of its clients. */
export interface InboundSite {
  readonly netns: string
  readonly clientNetns: string
  /** The application's address, and the interface that clients come in by. */
  readonly address: string
  readonly interface: string
}

/** The same for a connection to a port of the command's own, of which the programs' record is not asked. */
export const inboundSelfTest = (mode: InboundMode, site: InboundSite): Promise<Proof> => {
  const { address } = site
  const port = INBOUND_PORT
  const destination = `${address}:${port}`
  return intercept({
    capture: 'none',
    netns: site.netns,
    config: {
      strategiesOff: ['ebpf'],
      inbound: Inbound.parse({ mode, ports: [{ port }], ...(mode === 'tc' ? { interface: site.interface } : {}) }),
    },
    expectation: ANSWER_ALL,
    by: ['nsenter', `--net=${site.clientNetns}`],
    client: [address, `${port}`, destination],
    what: `a connection from outside to ${destination}`,
    destination,
    knownBy: ['listener'],
  })
}
