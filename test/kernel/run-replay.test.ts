/** A command's calls are recorded under `understudy run`, and replayed when nobody is there to answer them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { NET } from '../support/lab.ts'
import { stageTest, WORLD4 } from '../support/stage.ts'

const runTest = stageTest('replay')

runTest('what was forwarded once is answered without the server', async (stage, context) => {
  const file = join(stage.folder(context), 'recording.json')
  const calls = `curl -sS ${WORLD4}/catalogue?page=1; echo; curl -sS -d a=1 ${WORLD4}/orders; echo`
  const first = await stage.understudy(['run', '--record-expectations', file, '--', 'sh', '-c', calls])
  assert.match(first.stdout, new RegExp(`^world ${NET.app4} at ${NET.world4} 80\n`))
  const script = `${calls}; curl -sS -o /dev/null -w '%{http_code}\\n' ${WORLD4}/catalogue?page=2`
  // The replayed address is one where nobody answers.
  const args = ['run', '--replay', file, '--', 'sh', '-c', script.replaceAll(NET.world4, NET.silent4)]
  const other = await stage.understudy(args)
  assert.match(other.stderr, /not in the recording/)
  const again = await stage.understudy(['run', '--replay', file, '--', 'sh', '-c', script])
  assert.equal(again.stdout, `${first.stdout}404\n`)
  assert.match(
    again.stderr,
    /GET 10\.77\.0\.2\/catalogue\?page=2: closest is "GET 10\.77\.0\.2\/catalogue": the query does not have/,
  )
})
