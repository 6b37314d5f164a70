/** What expectations do beside answering plainly, for a program that knows nothing of it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createAuthority } from '../support/certificates.ts'
import { NET } from '../support/lab.ts'
import { type Stage, stageTest, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('actions')

const fileOf = (stage: Stage, context: TestContext, expectations: readonly unknown[]): string => {
  const file = join(stage.folder(context), 'mock.json')
  writeFileSync(file, JSON.stringify(expectations))
  return file
}

const node = (script: string): string[] => [process.execPath, '-e', script]

runTest('a WebSocket is spoken in the place of the server', async (stage, context) => {
  const file = fileOf(stage, context, [
    {
      httpRequest: { path: '/live' },
      httpWebSocketResponse: { messages: [{ text: 'hello' }, { text: 'bye' }], closeConnection: true },
    },
  ])
  const script = `
    const socket = new WebSocket('ws://${NET.world4}/live')
    socket.onmessage = ({ data }) => console.log(data)
    socket.onclose = ({ code }) => console.log(code)`
  const result = await stage.understudy(['run', '-e', file, '--', ...node(script)])
  assert.deepEqual([result.code, result.stdout], [0, 'hello\nbye\n1000\n'])
})

runTest('events and templates are answered, and an error is a connection that ends', async (stage, context) => {
  const file = fileOf(stage, context, [
    { httpRequest: { path: '/events' }, httpSseResponse: { events: [{ data: 'one' }], closeConnection: true } },
    {
      httpRequest: { path: '/made' },
      httpResponseTemplate: { templateType: 'VELOCITY', template: "{ 'body': 'from $request.remoteAddress' }" },
    },
    { httpRequest: { path: '/broken' }, httpError: { dropConnection: true } },
  ])
  const script = `curl -sS ${WORLD4}/events; curl -sS ${WORLD4}/made; echo; curl -s ${WORLD4}/broken; echo $?`
  const result = await stage.understudy(['run', '-e', file, '--', 'sh', '-c', script])
  assert.match(result.stdout, new RegExp(`^data: one\n\nfrom ${NET.app4.replaceAll('.', '\\.')}:\\d+\n52\n$`))
})

runTest('a plain call is sent on over TLS from the namespace of the program', async (stage, context) => {
  const authority = createAuthority(context)
  const identity = authority.issue('DNS:secure.test')
  const server = `
    require('node:https').createServer(${JSON.stringify(identity)}, ({ url, socket, headers }, answer) =>
      answer.end(url + ' of ' + headers.host + ' from ' + socket.remoteAddress)).listen(443, () => console.log('ready'))`
  const world = stage.lab.start('world', node(server))
  context.after(() => world.kill())
  await world.said('ready')
  const file = fileOf(stage, context, [
    {
      httpOverrideForwardedRequest: {
        requestOverride: {
          path: '/changed',
          headers: { Host: ['secure.test'] },
          socketAddress: { host: NET.world4, port: 443, scheme: 'HTTPS' },
        },
      },
    },
  ])
  const args = ['run', '-e', file, '--', 'curl', '-sS', `${WORLD4}/plain`]
  const trusted = await stage.understudy(args, { env: { UNDERSTUDY_UPSTREAM_TLS_CA_FILE: authority.path } })
  assert.equal(trusted.stdout.replace('::ffff:', ''), `/changed of secure.test from ${NET.app4}`)
  const untrusted = await stage.understudy(args)
  assert.match(untrusted.stdout, /upstream tls/)
})
