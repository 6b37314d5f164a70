/**
 * Proves that a workload is intercepted: a connection from inside of its network namespace to an address that nobody has,
 * which only our programs lead to our own listener, which answers it with a word that nobody else knows.
 */
import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import type { Endpoint, Flow } from '../flow.ts'
import type { Netns } from '../kernel/netns.ts'
import { errorName } from '../kernel/shim.ts'

/** Of the networks for documentation (RFC 5737, RFC 3849): no router leads there. */
export const TEST_DESTINATIONS: readonly Endpoint[] = [
  { address: '192.0.2.117', port: 7 },
  { address: '2001:db8:75:73::7', port: 7 },
]

export type TestResult =
  | { readonly kind: 'passed' }
  /** Another agent answers: it takes over just now, or has done so. */
  | { readonly kind: 'other_agent' }
  | { readonly kind: 'failed'; readonly why: string }

export interface SelfTest {
  /** For the data plane: answers a connection that is such a test. */
  takes(socket: Socket, flow: Flow): boolean
  /** @param cgroupProcs a cgroup that our programs are at; '' where we are in one ourselves */
  run(netns: Netns, cgroupProcs: string, hasIpv6: boolean): Promise<TestResult>
}

const GREETING = 'understudy '
const TIMEOUT_MS = 3000
const MAX_ANSWER = 128

const isTest = ({ saved }: Flow): boolean =>
  saved !== undefined &&
  TEST_DESTINATIONS.some(
    ({ address, port }) => saved.destination.port === port && saved.destination.address === address,
  )

const listen = (fd: number, wanted: string): Promise<TestResult> =>
  new Promise((resolve) => {
    const socket = new Socket({ fd, readable: true, writable: false })
    let said = ''
    const end = (result: TestResult): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(result)
    }
    const timer = setTimeout(() => end({ kind: 'failed', why: 'nobody answered in time' }), TIMEOUT_MS)
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

export const createSelfTest = (): SelfTest => {
  const answer = `${GREETING}${randomUUID()}\n`
  return {
    takes: (socket, flow) => {
      if (!isTest(flow)) return false
      socket.end(answer)
      socket.resume()
      return true
    },
    run: async (netns, cgroupProcs, hasIpv6) => {
      for (const { address, port } of TEST_DESTINATIONS.slice(0, hasIpv6 ? 2 : 1)) {
        const fd = netns.connectFrom(cgroupProcs, address, port)
        if (fd < 0) return { kind: 'failed', why: `no connection to ${address} can be begun: ${errorName(fd)}` }
        const result = await listen(fd, answer)
        if (result.kind !== 'passed') return result
      }
      return { kind: 'passed' }
    },
  }
}
