/**
 * Proves the strategies that need no kernel side, with the very code of `understudy serve`: one connection over loopback
 * for each, mocked, and its record must say what was named. Needs no root.
 */
import { connect } from 'node:net'
import { defaultConfig } from '../config/schema.ts'
import { writeHeader } from '../proxy-protocol/write.ts'
import { startServing } from '../serve.ts'
import { ANSWER_ALL, type Proof, type ProvedExchange, recorded, STATUS, TIMEOUT_MS, target } from './proof.ts'

export interface ServeTest {
  readonly proxyProtocol: Proof
  readonly host: Proof
}

const HOST = '127.0.0.1'
const NAME = 'understudy-doctor.invalid:9'
const REQUEST = `GET / HTTP/1.1\r\nhost: ${NAME}\r\nconnection: close\r\n\r\n`
const REMEDY = 'Look whether programs on this machine may connect to its own 127.0.0.1.'

/** What comes back until the connection ends; what went wrong with it is left to whoever reads that. */
const converse = (port: number, bytes: readonly Buffer[]): Promise<string> =>
  new Promise((resolve) => {
    let answer = ''
    const socket = connect({ host: HOST, port }, () => socket.write(Buffer.concat(bytes)))
    socket.setEncoding('latin1').on('data', (part: string) => {
      answer += part
    })
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(answer))
  })

const judge = (name: string, destination: string, answer: string, exchange: ProvedExchange | undefined): Proof => {
  const isAnswered = answer.startsWith(`HTTP/1.1 ${STATUS} `)
  if (isAnswered && exchange?.resolvedBy === name && exchange.originalDestination === destination) {
    return { state: 'ok', said: `a connection over loopback was going to ${destination}`, remedy: '', exchange }
  }
  const by = exchange?.originalDestination ?? 'nowhere'
  const said = isAnswered
    ? `a connection over loopback was going to ${by} (by ${exchange?.resolvedBy ?? 'nobody'}), not to ${destination}`
    : 'a connection over loopback was not answered'
  return { state: 'missing', said, remedy: REMEDY, ...(exchange ? { exchange } : {}) }
}

/** Never throws what a machine is to blame for. */
export const serveTest = (): Promise<ServeTest> =>
  recorded<ServeTest>(
    async (recordPath) => {
      const serving = await startServing({
        config: {
          ...defaultConfig(),
          adminEnabled: false,
          logLevel: 'silent',
          onUnmatched: 'refuse',
          proxyProtocolFrom: [{ address: HOST, prefix: 32 }],
        },
        warnings: [],
        expectations: [ANSWER_ALL],
        host: HOST,
        port: 0,
        recordPath,
      })
      const [from, to] = [target(), target()]
      const request = Buffer.from(REQUEST, 'latin1')
      try {
        const proxied = await converse(serving.port, [writeHeader(2, from, to), request])
        const named = await converse(serving.port, [request])
        return ([first, second]) => ({
          proxyProtocol: judge('proxy-protocol', `${to.address}:${to.port}`, proxied, first),
          host: judge('host', NAME, named, second),
        })
      } finally {
        await serving.close()
      }
    },
    (proof) => ({ proxyProtocol: proof, host: proof }),
  )
