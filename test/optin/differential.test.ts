/**
 * The same generated expectations, requests and calls go to a real MockServer and to us. Needs Java, and npm to fetch
 * MockServer; run it with `node --run test:differential`. Another seed finds other things:
 * `UNDERSTUDY_DIFFERENTIAL_SEED=2`, with more cases of each area: `UNDERSTUDY_DIFFERENTIAL_CASES=200`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startControl } from '../support/control-lab.ts'
import { differenceText, summary } from '../support/differential/compare.ts'
import { hasJava, startRealServer } from '../support/differential/real-server.ts'
import { casesOf, compareServers } from '../support/differential/run.ts'
import { VERSIONS } from '../support/differential/wanted.ts'

const { UNDERSTUDY_DIFFERENTIAL_SEED: seed = '1', UNDERSTUDY_DIFFERENTIAL_CASES: perArea = '60' } = process.env
const SHOWN = 20

for (const version of VERSIONS) {
  test(`MockServer ${version} answers as we do, but for what is wanted`, async (t) => {
    if (!hasJava()) return t.skip('there is no java')
    const real = await startRealServer(version)
    if (real === 'no package') return t.skip(`npm cannot fetch MockServer ${version}`)
    t.after(real.close)
    const { port: ours } = await startControl(t, { mockServerVersion: version })
    const cases = casesOf(seed, Number(perArea))
    const { comparison } = await compareServers(cases, { real: real.port, ours }, version)
    t.diagnostic(summary(comparison, version))
    assert.equal(comparison.unexpected.slice(0, SHOWN).map(differenceText).join('\n'), '')
  })
}
