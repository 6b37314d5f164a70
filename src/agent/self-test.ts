/**
 * Proves that a workload is intercepted: a connection from inside of its network namespace to an address that nobody has,
 * which only our programs lead to our own listener, which answers it with a word that nobody else knows.
 */
import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import { type Cidr, inNetworks } from '../config/networks.ts'
import type { Endpoint, Flow } from '../flow.ts'
import type { PolicyRecord } from '../kernel/layout.ts'
import type { Netns } from '../kernel/netns.ts'
import { errorName } from '../kernel/shim.ts'

/** Of the networks for documentation (RFC 5737, RFC 3849): no router leads there. */
const ADDRESSES = ['192.0.2.117', '2001:db8:75:73::7'] as const
const PORT = 7
const DNS_PORT = 53
const MAX_PORT = 65_535

export const isTestAddress = (address: string): boolean => ADDRESSES.some((one) => one === address)

/**
 * Where tests of a workload go, one of each family: what its policy leaves alone would prove nothing. None where that is
 * every address.
 */
export const testDestinations = (
  { excludedPorts, listenPort6 }: Pick<PolicyRecord, 'excludedPorts' | 'listenPort6'>,
  excludedCidrs: readonly Cidr[],
): readonly Endpoint[] => {
  const isFit = (port: number): boolean =>
    port <= MAX_PORT && port !== DNS_PORT && !excludedPorts.some(({ first, last }) => first <= port && port <= last)
  const port = [PORT, DNS_PORT + 1, ...excludedPorts.map(({ last }) => last + 1)].find(isFit)
  const isExcluded = inNetworks(excludedCidrs)
  const addresses = ADDRESSES.slice(0, listenPort6 === 0 ? 1 : 2).filter((address) => !isExcluded(address))
  return port === undefined ? [] : addresses.map((address) => ({ address, port }))
}

export type TestResult =
  | { readonly kind: 'passed' }
  /** Another agent answers: it takes over just now, or has done so. */
  | { readonly kind: 'other_agent' }
  /** Its policy leaves every address alone that a test could go to. */
  | { readonly kind: 'impossible' }
  | { readonly kind: 'failed'; readonly why: string }

export interface SelfTest {
  /** For the data plane: answers a connection that is such a test. */
  takes(socket: Socket, flow: Flow): boolean
  /** @param cgroupProcs a cgroup that our programs are at; '' where we are in one ourselves */
  run(netns: Netns, cgroupProcs: string, destinations: readonly Endpoint[]): Promise<TestResult>
}

const GREETING = 'understudy '
const TIMEOUT_MS = 3000
const MAX_ANSWER = 128

const isTest = ({ saved }: Flow): boolean => saved !== undefined && isTestAddress(saved.destination.address)

const listen = (fd: number, wanted: string, timeoutMs: number): Promise<TestResult> =>
  new Promise((resolve) => {
    const socket = new Socket({ fd, readable: true, writable: false })
    let said = ''
    const end = (result: TestResult): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => end({ kind: 'failed', why: 'nobody answered in time' }), timeoutMs)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      said += text
      if (said === wanted) end({ kind: 'passed' })
      else if (said.length > MAX_ANSWER) end({ kind: 'failed', why: 'somebody else answered' })
    })
    socket.on('end', () =>
      end(said.startsWith(GREETING) ? { kind: 'other_agent' } : { kind: 'failed', why: 'somebody else answered' }),
    )
    socket.on('error', (error: NodeJS.ErrnoException) =>
      end({ kind: 'failed', why: `the connection failed: ${error.code ?? error.message}` }),
    )
  })

/** @param timeoutMs that an answer may take */
export const createSelfTest = (timeoutMs = TIMEOUT_MS): SelfTest => {
  const answer = `${GREETING}${randomUUID()}\n`
  return {
    takes: (socket, flow) => {
      if (!isTest(flow)) return false
      socket.end(answer)
      socket.resume()
      return true
    },
    run: async (netns, cgroupProcs, destinations) => {
      for (const { address, port } of destinations) {
        const fd = netns.connectFrom(cgroupProcs, address, port)
        if (fd < 0) return { kind: 'failed', why: `no connection to ${address} can be begun: ${errorName(fd)}` }
        const result = await listen(fd, answer, timeoutMs)
        if (result.kind !== 'passed') return result
      }
      return { kind: destinations.length > 0 ? 'passed' : 'impossible' }
    },
  }
}
