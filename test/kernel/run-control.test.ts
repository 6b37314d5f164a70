/** The control API of `understudy run`: what is put while the command runs, for the command's own traffic. */
import assert from 'node:assert/strict'
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
