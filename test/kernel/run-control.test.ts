/** The control API of `understudy run`: what is put while the command runs, for the command's own traffic. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { serveWorld } from '../support/client.ts'
import { NET } from '../support/lab.ts'
import { type Stage, stageTest, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('control')

/** Shell functions: a call to the API with a document, and a plain request. */
const SHELL = [
  'api() { curl -sS -o /dev/null -w "%{http_code} " -X PUT "$UNDERSTUDY_CONTROL_URL/mockserver/$1" -d "$2"; }',
  'get() { curl -sS "$1"; echo; }',
].join('\n')

const runScript = (stage: Stage, script: string, ...flags: string[]) =>
  stage.understudy(['run', '--control', '0', ...flags, '--', 'sh', '-c', `${SHELL}\n${script}`])

runTest('a test puts an expectation for the traffic of its own command, and verifies it', async (stage) => {
  const result = await runScript(
    stage,
    `api expectation '{"httpRequest": {"path": "/orders/7"}, "httpResponse": {"body": "put"}}'
     get ${WORLD4}/orders/7
     get ${WORLD4}/catalogue
     api verify '{"httpRequest": {"path": "/orders/7"}, "times": {"atLeast": 1, "atMost": 1}}'
     api verify '{"httpRequest": {"path": "/catalogue"}, "times": {"atLeast": 1, "atMost": 1}}'
     api verify '{"httpRequest": {"path": "/other"}}'`,
  )
  const world = `world ${NET.app4} at ${NET.world4} 80`
  assert.deepEqual([result.code, result.stdout], [0, `201 put\n${world}\n202 202 406 `])
})

runTest('an expectation with a scope answers flows of the scope, as the kernel sees them', async (stage) => {
  const result = await stage.understudy(
    [
      'run',
      ...['--control', '0', '--', 'sh', '-c'],
      `${SHELL}
       put() { api expectation "{\\"id\\": \\"$1\\", \\"scope\\": $2, \\"httpResponse\\": {\\"body\\": \\"$1\\"}}"; }
       put other '{"namespace": "other"}'
       put java '{"process": "java"}'
       put elsewhere '{"destination": {"address": "192.0.2.0/24"}}'
       put canary '{"podSelector": {"app": "web", "canary": "true"}}'
       put mine '{"namespace": "shop", "podSelector": {"app": "web"}, "process": "curl", "direction": "outbound",
                  "destination": {"address": "${NET.world4}", "port": "80-81"}}'
       get ${WORLD4}/x
       curl -sS -H 'namespace: other' -H 'host: 192.0.2.1' ${WORLD4}/x`,
    ],
    { env: { UNDERSTUDY_WORKLOAD_NAMESPACE: 'shop', UNDERSTUDY_WORKLOAD_LABELS: '{"app":"web"}' } },
  )
  assert.deepEqual([result.code, result.stdout], [0, '201 201 201 201 201 mine\nmine'])
})

/** In Node the client leaves its base path out; in browsers it has it in every call: here it is told to be in one. */
const CLIENT = `
const path = ${JSON.stringify(fileURLToPath(import.meta.resolve('mockserver-client')))}
const where = require('node:module').createRequire(path).resolve('browser-or-node')
require.cache[where] = { id: where, filename: where, loaded: true, exports: { isNode: false } }
globalThis.XMLHttpRequest = class {
  headers = {}
  addEventListener(event, told) { if (event === 'load') this.loaded = told }
  open(method, url) { Object.assign(this, { method, url }) }
  setRequestHeader(name, value) { this.headers[name] = value }
  async send(body) {
    const answer = await fetch(this.url, { method: this.method, headers: this.headers, body })
    Object.assign(this, { status: answer.status, responseText: await answer.text() })
    this.loaded.call(this)
  }
}
const { mockServerClient } = require(path)
const { hostname, port } = new URL(process.env.UNDERSTUDY_CONTROL_URL)
const shop = mockServerClient(hostname, Number(port), '/scope/shop')
const bank = mockServerClient(hostname, Number(port), 'scope/bank/')
const said = (call) => new Promise((resolve) => call.then(resolve, resolve))
const ask = async (path) => console.log(await (await fetch('${WORLD4}' + path)).text())
const main = async () => {
  const pay = (body) => ({ id: body, httpRequest: { path: '/pay' }, httpResponse: { body } })
  await bank.mockAnyResponse(pay('bank'))
  await shop.mockAnyResponse(pay('shop'))
  await ask('/pay')
  await shop.verify({ path: '/pay' }, 1, 1)
  await bank.verify({ path: '/pay' }, 0, 0)
  await bank.reset()
  await shop.scenario('order').set('Paid')
  console.log(JSON.stringify([
    (await shop.retrieveActiveExpectations({})).map(({ id }) => id),
    (await bank.retrieveActiveExpectations({})).map(({ id }) => id),
    (await shop.retrieveRecordedRequests({})).map(({ path }) => path),
    (await bank.retrieveRecordedRequests({})).map(({ path }) => path),
    await bank.scenarios(),
    await said(shop.bind([0])),
  ]))
  await shop.clear('/pay')
  await ask('/pay')
}
main()`

runTest('the client of a namespace, by its base path, sees and touches what is of the namespace', async (stage) => {
  const result = await stage.understudy(['run', '--control', '0', '--', process.execPath, '-e', CLIENT], {
    env: { UNDERSTUDY_WORKLOAD_NAMESPACE: 'shop' },
  })
  const seen = [['shop'], [], ['/pay'], [], { scenarios: [] }]
  const refusal = 'this is about the whole process: it is not answered under a scope'
  const world = `world ${NET.app4} at ${NET.world4} 80`
  assert.deepEqual(
    [result.code, result.stdout],
    [0, `shop\n${JSON.stringify([...seen, refusal])}\n${world}\n`],
    result.stderr,
  )
})

runTest('the API is there inside and outside of the namespace of the command', async (stage, context) => {
  const holder = stage.lab.start('app', ['unshare', '--net', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'])
  context.after(() => holder.kill())
  await holder.said('ready')
  const args = ['run', '--control', '0', '--netns', `/proc/${holder.pid}/ns/net`, '--', 'sh', '-c']
  const run = stage.start([
    ...args,
    `${SHELL}\nget "$UNDERSTUDY_CONTROL_URL/x"; echo "at $UNDERSTUDY_CONTROL_URL"; cat`,
  ])
  context.after(() => run.kill())
  const url = /at (\S+)/.exec(await run.said('at http'))?.[1] ?? ''
  const outside = await stage.lab.run('app', ['curl', '-sS', '-X', 'PUT', `${url}/mockserver/retrieve`])
  assert.match(outside.stdout, /"path" : "\/x"/)
})

runTest('a call cannot end the run before its command ends', async (stage) => {
  const result = await runScript(stage, `api stop; api status; get ${WORLD4}/x`)
  assert.deepEqual([result.code, result.stdout], [0, `403 200 world ${NET.app4} at ${NET.world4} 80\n`])
})

runTest('without the flag there is no such API, and no log is kept', async (stage) => {
  const result = await stage.understudy(['run', '--', 'sh', '-c', 'echo "[$UNDERSTUDY_CONTROL_URL]"'])
  assert.deepEqual([result.code, result.stdout], [0, '[]\n'])
})

runTest('a port that is taken is named, with what to do', async (stage) => {
  const server = await serveWorld(stage.lab, [18_080], 'app')
  const result = await stage.understudy(['run', '--control', '18080', '--', 'true'])
  server.kill()
  assert.equal(result.code, 2)
  assert.match(result.stderr, /port 18080 is in use/)
  assert.match(result.stderr, /--control/)
})
