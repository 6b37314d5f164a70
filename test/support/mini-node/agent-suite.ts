/** Tests of one node: what they share, and what their pods talk to beside the lab's upstream. */
import { createSocket } from 'node:dgram'
import { createServer, type RequestListener } from 'node:http'
import { after, before, describe } from 'node:test'
import { decode, encode } from 'dns-packet'
import { type AgentLab, type Ends, startAgentLab } from './agent-lab.ts'
import type { Pod } from './interface.ts'
import { requireMiniNode } from './required.ts'
import { NODE_NET } from './runtime-config.ts'

/** Suite whose tests have one node between them; `lab` is there when the first of them runs. */
export const agentSuite = (title: string, tests: (lab: () => AgentLab) => void): void => {
  describe(title, { skip: requireMiniNode(), timeout: 120_000 }, () => {
    const ends: (() => unknown)[] = []
    let lab: AgentLab | undefined
    before(async () => {
      lab = await startAgentLab({ after: (end) => void ends.push(end) })
    })
    after(async () => {
      for (const end of ends) await end()
    })
    tests(() => {
      if (!lab) throw new Error('there is no node')
      return lab
    })
  })
}

/** A server of the test in the network of the node; its URL as pods reach it by one family. */
export const serveNode = async (
  t: Ends,
  { node }: AgentLab,
  handler: RequestListener,
  family: 4 | 6 = 4,
): Promise<string> => {
  const server = createServer(handler)
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const port = await node.listen(server, { host: family === 4 ? '0.0.0.0' : '::' })
  return family === 4 ? `http://${NODE_NET.served4}:${port}` : `http://[${NODE_NET.served6}]:${port}`
}

/** The name server of the pods: it has these IPv4 addresses, and says of every other name that there is none. */
export const serveNames = async (
  t: Ends,
  { node }: AgentLab,
  names: Readonly<Record<string, string>>,
): Promise<void> => {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.on('message', (bytes, { address, port }) => {
    const { id = 0, questions = [] } = decode(bytes)
    const answers = questions.flatMap(({ name, type }) => {
      const data = type === 'A' ? names[name] : undefined
      return data === undefined ? [] : [{ name, type: 'A' as const, ttl: 5, data }]
    })
    const isKnown = questions.some(({ name }) => Object.hasOwn(names, name))
    socket.send(encode({ type: 'response', id, flags: isKnown ? 0 : 3, questions, answers }), port, address)
  })
  await node.bind(socket, { host: NODE_NET.dns4, port: 53 })
}

/** A response that begins at once and ends when the test says so. */
export interface SlowResponse {
  readonly url: string
  /** Requests whose response has begun and not ended. */
  open(): number
  finish(): void
}

/** `begun ` at once, `finished` at the end. */
export const serveSlowly = async (t: Ends, lab: AgentLab): Promise<SlowResponse> => {
  const open = new Set<() => void>()
  const url = await serveNode(t, lab, (request, response) => {
    request.resume()
    response.writeHead(200, { 'content-length': 14 })
    response.write('begun ')
    const end = (): void => void response.end('finished')
    open.add(end)
    response.once('close', () => open.delete(end))
  })
  return {
    url: `${url}/slow`,
    open: () => open.size,
    finish: () => {
      for (const end of open) end()
    },
  }
}

/** What a loop of requests in a pod has come to so far. */
export interface Steady {
  readonly answered: number
  /** Requests that have ended in whatever way. */
  readonly turns: number
  /** Answers that were not the one asked for, and errors. */
  readonly wrong: readonly string[]
}

/**
 * The command of a pod of the image `node` that asks a URL without end, one request after the other on kept connections and
 * another on a connection of its own, and says so in its log.
 */
export const steadyCommand = (url: string, wanted: string): readonly string[] => {
  const program = `
    const http = require('node:http')
    const kept = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const ask = (agent) => new Promise((resolve) => {
      const request = http.get('${url}', { agent, timeout: 5000 }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part) => { text += part })
        response.on('end', () => resolve(text))
        response.on('error', (error) => resolve('response: ' + error.code))
      })
      request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'LATE' })))
      request.on('error', (error) => resolve((request.reusedSocket ? 'reused ' : '') + 'request: ' + error.code))
    })
    let answered = 0, turns = 0
    const loop = async (name, agent) => {
      for (;;) {
        const text = await ask(agent)
        turns++
        if (text === '${wanted}') answered++
        else console.log('wrong ' + name + ' ' + text + ' ' + new Date().toISOString())
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    setInterval(() => console.log('answered ' + answered + ' ' + turns), 50)
    loop('kept', kept)
    loop('single', false)`
  return ['node', '-e', program]
}

export const steadyOf = (pod: Pod): Steady => {
  const lines = pod.log().split('\n')
  const [answered = 0, turns = 0] =
    lines
      .findLast((line) => line.startsWith('answered '))
      ?.split(' ')
      .slice(1)
      .map(Number) ?? []
  return { answered, turns, wrong: lines.filter((line) => line.startsWith('wrong ')) }
}
