/** The other end of javascript-thread.ts. */
import { parentPort } from 'node:worker_threads'
import { quickjs } from '../libraries.ts'
import { type JavaScriptJob, runTemplate } from './javascript-run.ts'
import { TEMPLATE_TIMEOUT_MS } from './javascript-thread.ts'

const limit = { timeoutMs: TEMPLATE_TIMEOUT_MS, clockMs: () => performance.now() }
const port = parentPort
const engine = await quickjs()
port?.on('message', (job: JavaScriptJob) => port.postMessage(runTemplate(engine, job, limit)))
port?.postMessage('ready')
