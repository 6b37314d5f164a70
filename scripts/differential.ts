/**
 * Compares with a real MockServer and prints what differs: `node scripts/differential.ts [--version 8.0.0] [--seed text]
 * [--cases 20] [--area name] [--show 20] [--folder where-the-npm-package-is] [--real port-of-one-that-runs]`. With
 * `--record` the answers become the corpus that the tests replay.
 */
import { parseArgs } from 'node:util'
import { Config } from '../src/config/schema.ts'
import { startServing } from '../src/serve.ts'
import { differenceText, summary } from '../test/support/differential/compare.ts'
import { writeCorpus } from '../test/support/differential/corpus.ts'
import { startRealServer } from '../test/support/differential/real-server.ts'
import { casesOf, compareServers } from '../test/support/differential/run.ts'

const { values } = parseArgs({
  options: {
    version: { type: 'string', default: '8.0.0' },
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '20' },
    area: { type: 'string', default: '' },
    show: { type: 'string', default: '20' },
    folder: { type: 'string' },
    real: { type: 'string' },
    record: { type: 'boolean', default: false },
  },
})

const { version } = values
const real =
  values.real === undefined
    ? await startRealServer(version, values.folder)
    : { port: Number(values.real), close: async () => {} }
if (real === 'no package') throw new Error('MockServer cannot be fetched: Java and npm are needed')
const ours = await startServing({
  config: Config.parse({ adminEnabled: false, logLevel: 'silent', mockServerVersion: version }),
  warnings: [],
  expectations: [],
  host: '127.0.0.1',
  port: 0,
})
try {
  const cases = casesOf(values.seed, Number(values.cases), values.area)
  const { comparison, recorded } = await compareServers(cases, { real: real.port, ours: ours.port }, version)
  for (const difference of comparison.unexpected.slice(0, Number(values.show))) console.log(differenceText(difference))
  console.log(summary(comparison, version))
  if (values.record) console.log(`recorded: ${writeCorpus({ version, cases: recorded })} bytes`)
} finally {
  await ours.close()
  await real.close()
}
