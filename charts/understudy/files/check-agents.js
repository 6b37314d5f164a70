// Run by `helm test`: looks up every agent and asks each whether it is ready, until all are or time is up.
import { lookup } from 'node:dns/promises'
import { setTimeout as wait } from 'node:timers/promises'

const { AGENTS, PORT, PATIENCE_MS = '60000' } = process.env
const until = Date.now() + Number(PATIENCE_MS)

const ask = async ({ address, family }) => {
  const url = `http://${family === 6 ? `[${address}]` : address}:${PORT}/readyz`
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    return { url, isReady: response.ok, answer: (await response.text()).trim() }
  } catch (error) {
    return { url, isReady: false, answer: String(error.cause ?? error) }
  }
}

for (;;) {
  const found = await lookup(AGENTS, { all: true }).catch(() => [])
  const answers = await Promise.all(found.map(ask))
  const isGood = answers.length > 0 && answers.every(({ isReady }) => isReady)
  if (isGood || Date.now() > until) {
    for (const { url, isReady, answer } of answers) console.log(isReady ? 'ready' : 'NOT READY', url, answer)
    if (answers.length === 0) console.log(`no agent was found under ${AGENTS}`)
    process.exit(isGood ? 0 : 1)
  }
  await wait(1000)
}
