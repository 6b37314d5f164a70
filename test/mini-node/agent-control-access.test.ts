/** Who may ask an agent, and for what: by address, by token, by socket, and from inside the pods that it intercepts. */
import assert from 'node:assert/strict'
import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AgentProcess } from '../support/mini-node/agent-lab.ts'
import { agentSuite } from '../support/mini-node/agent-suite.ts'
import type { Pod } from '../support/mini-node/interface.ts'
import { NODE_NET } from '../support/mini-node/runtime-config.ts'

const MOCK = { httpRequest: { path: '/orders' }, httpResponse: { body: 'mocked' } }
const TOKEN = 'a-token-of-the-tests-0123456789'
const JSON_BODY = ['-H', 'content-type: application/json', '-d', JSON.stringify(MOCK)]
const PUT = ['-X', 'PUT', ...JSON_BODY]
const bearer = (token: string): string[] => ['-H', `Authorization: Bearer ${token}`]

/** Sends bytes on a connection from inside a pod; what came back until it ended, or the error's code. */
const SEND = `
  const [host, port, text] = process.argv.slice(1)
  const socket = require('node:net').connect({ host, port: Number(port) })
  let got = ''
  socket.setTimeout(1500, () => socket.destroy())
  socket.on('connect', () => socket.write(text))
  socket.on('data', (part) => { got += part })
  socket.on('error', (error) => { got += error.code })
  socket.on('close', () => console.log(got))`

const putText = (target: string, host: string): string => {
  const body = JSON.stringify(MOCK)
  const lines = [`PUT ${target} HTTP/1.1`, `Host: ${host}`, 'Content-Type: application/json', 'Connection: close']
  return [...lines, `Content-Length: ${body.length}`, '', body].join('\r\n')
}

/** Ports that listen in the network of a pod, by the kernel's own table of it. */
const listeningPorts = (pod: Pod): number[] =>
  ['tcp', 'tcp6'].flatMap((family) =>
    readFileSync(`/proc/${pod.pausePid}/net/${family}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state]) => state === '0A')
      .map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)),
  )

agentSuite('who may ask an agent', (the) => {
  const begin = async (t: TestContext, settings: Readonly<Record<string, unknown>>): Promise<AgentProcess> => {
    const agent = await the().startAgent(settings)
    t.after(() => agent.stop('SIGKILL'))
    return agent
  }
  /** The status that curl gets in the network of the node, 000 where there was no answer. */
  const status = async (...args: string[]): Promise<string> =>
    (await the().node.run(['curl', '-s', '-m', '5', '-o', '/dev/null', '-w', '%{http_code}', ...args])).stdout
  const portOf = (agent: AgentProcess, what: 'control' | 'adminPort'): string => {
    const line = agent.log().findLast((one) => one['msg'] === 'the agent serves')
    return String(line?.[what]).split(':').at(-1) ?? ''
  }
  const tokenFile = (): string => {
    const path = join(the().node.folder, 'tokens')
    writeFileSync(path, `${TOKEN}\n`, { mode: 0o600 })
    return path
  }
  const expectations = async (agent: AgentProcess): Promise<unknown> =>
    JSON.parse((await agent.control('PUT', '/mockserver/retrieve?type=ACTIVE_EXPECTATIONS&format=JSON')).text)
  const send = async (pod: Pod, host: string, port: number | string, text: string): Promise<string> =>
    (await pod.exec(['node', '-e', SEND, host, String(port), text])).stdout.trim()
  const nodePod = async (): Promise<Pod> => the().createPod({ image: 'node' })

  test('a control API beyond loopback asks for its token, of pods too', async (t) => {
    const agent = await begin(t, { controlHost: '0.0.0.0', controlTokenFile: tokenFile() })
    const port = portOf(agent, 'control')
    for (const host of ['127.0.0.1', NODE_NET.served4]) {
      const url = `http://${host}:${port}/mockserver/expectation`
      assert.equal(await status(...PUT, url), '401')
      assert.equal(await status(...PUT, ...bearer(`${TOKEN}x`), url), '401')
      assert.equal(await status(...PUT, ...bearer(''), url), '401')
      assert.equal(await status(...PUT, ...bearer(TOKEN), url), '201')
    }
    const pod = await the().createPod({ image: 'node', annotations: {} })
    const answer = await send(pod, NODE_NET.served4, port, putText('/mockserver/expectation', NODE_NET.served4))
    assert.match(answer, /^HTTP\/1\.1 401 /)
    await pod.remove()
  })

  test('a control socket is for its owner only, outlives a kill, and takes no file of another kind', async (t) => {
    const path = join(the().node.folder, 'control.sock')
    const put = () => status('--unix-socket', path, ...PUT, 'http://agent.local/mockserver/expectation')
    const first = await begin(t, { controlSocket: path })
    assert.ok(lstatSync(path).isSocket())
    assert.equal(lstatSync(path).mode & 0o777, 0o600)
    assert.equal(await put(), '201')
    await first.stop('SIGKILL')
    assert.equal(await put(), '000', 'nobody listens')
    const second = await begin(t, { controlSocket: path })
    assert.equal(lstatSync(path).mode & 0o777, 0o600)
    assert.equal(await put(), '201')
    await second.stop()
    rmSync(path, { force: true })
    writeFileSync(path, 'a file of somebody')
    const third = await the().startAgent({ controlSocket: path }, false)
    assert.notEqual(await third.ended(), 0)
    assert.match(third.output(), /the control API cannot listen on .*control\.sock: EADDRINUSE/)
    assert.equal(readFileSync(path, 'utf8'), 'a file of somebody')
  })

  test('a pod that is intercepted does not reach the control API, by whatever address or name', async (t) => {
    const agent = await begin(t, {})
    const port = portOf(agent, 'control')
    const pod = await nodePod()
    await agent.sees(pod, 'intercepted')
    const { upstream } = the()
    assert.deepEqual(await expectations(agent), [])
    const call = '/mockserver/expectation'
    assert.equal(await send(pod, '127.0.0.1', port, putText(call, `127.0.0.1:${port}`)), 'ECONNREFUSED')
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`, 'agent.local']) {
      const hits = upstream.hits()
      assert.match(await send(pod, NODE_NET.served4, upstream.port, putText(call, host)), /real PUT \/mockserver\/exp/)
      assert.equal(upstream.hits(), hits + 1, 'it went where it was sent')
    }
    await send(pod, NODE_NET.served4, upstream.port, putText(`http://127.0.0.1:${port}${call}`, `127.0.0.1:${port}`))
    const target = `127.0.0.1:${port}`
    const tunnel = `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n${putText(call, target)}`
    const answer = await send(pod, NODE_NET.served4, upstream.port, tunnel)
    assert.match(answer, /^HTTP\/1\.1 502 /, 'the real server knows no tunnels')
    assert.doesNotMatch(answer, /HTTP\/1\.1 201 /)
    assert.deepEqual(await expectations(agent), [])
    await pod.remove()
  })

  test('the listeners in a pod take no calls of the control API from it', async (t) => {
    const agent = await begin(t, {})
    const pod = await nodePod()
    await agent.sees(pod, 'intercepted')
    const ports = [...new Set(listeningPorts(pod))]
    assert.ok(ports.length > 0, 'the listeners are there')
    const hits = the().upstream.hits()
    const places = ports.flatMap((port) => ['127.0.0.1', '::1', pod.ip].map((host) => [host, port] as const))
    const call = (port: number): string => putText('/mockserver/expectation', `127.0.0.1:${port}`)
    const answers = await Promise.all(places.map(([host, port]) => send(pod, host, port, call(port))))
    for (const answer of answers) assert.doesNotMatch(answer, /HTTP\/1\.1 20[01] /)
    assert.deepEqual(await expectations(agent), [])
    assert.equal(the().upstream.hits(), hits)
    await pod.remove()
  })

  test('what is no call of the control API is never sent on from there', async (t) => {
    const agent = await begin(t, {})
    const at = `127.0.0.1:${portOf(agent, 'control')}`
    const { upstream } = the()
    const hits = upstream.hits()
    const host = `Host: ${NODE_NET.served4}:${upstream.port}`
    assert.equal(await status('-H', host, `http://${at}/orders`), '404')
    assert.equal(await status('-X', 'POST', '-d', 'x', '-H', host, `http://${at}/orders`), '404')
    assert.equal(await status('-x', `http://${at}`, `${upstream.url}/orders`), '404')
    // A tunnel is opened, and what is sent through it comes no further than to us.
    assert.equal(await status('-x', `http://${at}`, '-p', `${upstream.url}/orders`), '404')
    assert.equal(await status('--socks5', at, `${upstream.url}/orders`), '000')
    assert.equal(await status('--http2-prior-knowledge', '-H', host, `http://${at}/orders`), '000')
    assert.equal(upstream.hits(), hits)
  })

  test('an admin server beyond loopback shows traffic only for a token, and health and metrics to all', async (t) => {
    const open = ['/metrics', '/readyz', '/healthz']
    const closed = ['/flows', '/debug/workloads']
    const closedTo = async (agent: AgentProcess, wanted: string, ...args: string[]): Promise<void> => {
      const at = `http://${NODE_NET.served4}:${portOf(agent, 'adminPort')}`
      for (const path of closed) assert.equal(await status('-m', '1', ...args, at + path), wanted, path)
      for (const path of open) assert.equal(await status(...args, at + path), '200', path)
    }
    const without = await begin(t, { adminHost: '0.0.0.0' })
    await closedTo(without, '403')
    await closedTo(without, '403', ...bearer(TOKEN))
    await without.stop()
    const agent = await begin(t, { adminHost: '0.0.0.0', adminTokenFile: tokenFile() })
    await closedTo(agent, '401')
    await closedTo(agent, '401', ...bearer('wrong'))
    await closedTo(agent, '200', ...bearer(TOKEN))
  })
})
