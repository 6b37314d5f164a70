/**
 * What the proxy is compared with, in a process of its own: `reference-server.ts bare PORT BODY_BYTES` is node:http and
 * nothing else; `reference-server.ts http-proxy PORT TARGET` is the package http-proxy with a keep-alive agent.
 */
import { Agent, createServer } from 'node:http'
import httpProxy from 'http-proxy'

const [kind = '', port = '', argument = ''] = process.argv.slice(2)

const bare = () => {
  const body = Buffer.alloc(Number(argument), 'x')
  return createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    response.end(body)
  })
}

const proxy = () => {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const passing = httpProxy.createProxyServer({ target: argument, agent })
  passing.on('error', (error) => console.error(error))
  return createServer((request, response) => passing.web(request, response))
}

const server = kind === 'bare' ? bare() : proxy()
server.listen(Number(port), '127.0.0.1', () => console.log('ready'))
