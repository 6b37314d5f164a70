/** The API server of the tests in a process of its own, with pods as large as those of real clusters. Sends its URL. */
import { createApiServer } from '../../test/support/api-server.ts'
import { realisticPod } from './kube-pods.ts'

const server = await createApiServer()
for (let number = 0; number < Number(process.argv[2]); number += 1) server.createPod(realisticPod(number))
process.send?.(server.url)
process.once('disconnect', () => process.exit())
