import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { replyTuple } from '../../src/kernel/conntrack-entry.ts'
import { SEARCH_BOUNDS } from '../../src/kernel/conntrack-file.ts'
import { type Asked, openOriginalDestinations, searchFile } from '../../src/kernel/original-destination.ts'
import type { Evidence } from '../../src/resolve/strategy.ts'
import { fixture, type Lab, labTest, NET } from '../support/lab.ts'
import { must, nft, type Redirect, redirected } from '../support/redirect.ts'

const kernelTest = labTest('conntrack')

const V4: Redirect = {
  name: 'redirect',
  from: 'app',
  to: [NET.served4, 80],
  listener: '127.0.0.1',
  rule: (port) => nft('ip', 'output', `tcp dport 80 redirect to :${port}`),
}
const V6: Redirect = {
  name: 'redirect of IPv6',
  from: 'app',
  to: [NET.served6, 80],
  listener: '::1',
  rule: (port) => nft('ip6', 'output', `tcp dport 80 redirect to :${port}`),
}
const FOUND: Evidence = { kind: 'found', destination: { address: NET.served4, port: 80 } }
const NOBODY: Asked = { fd: -1, client: { address: '192.0.2.1', port: 1 }, local: { address: '192.0.2.2', port: 2 } }

/** A busy machine is no reason to give a search up. */
const PATIENT = { ...SEARCH_BOUNDS, milliseconds: 30_000 }

const fileSays = (lab: Lab, asked: Asked, lines = SEARCH_BOUNDS.lines, hits: string[] = []): Evidence => {
  const reply = replyTuple(asked)
  assert.ok(reply)
  const options = { bounds: { ...PATIENT, lines }, onLimit: (limit: string) => void hits.push(limit) }
  return searchFile(lab.shim, lab.appNetnsFd, reply, options)
}

/** What the socket, netlink and the file say, in this order. */
const threeWords = (lab: Lab, asked: Asked): Evidence[] => {
  const evidence = openOriginalDestinations(lab.shim, lab.appNetnsFd)
  try {
    return [evidence.soOriginalDst(asked), evidence.conntrack(asked), fileSays(lab, asked)]
  } finally {
    evidence.close()
  }
}

const none = (why: string): Evidence => ({ kind: 'none', why })
const thrice = (evidence: Evidence): Evidence[] => [evidence, evidence, evidence]

for (const redirect of [V4, V6]) {
  kernelTest(`a connection that nothing tracks is unknown (${redirect.listener})`, async (lab, context) => {
    const { asked, close } = await redirected(lab, redirect, false)
    context.after(close)
    assert.deepEqual(threeWords(lab, asked), thrice(none('no entry for the connection')))
  })

  kernelTest(
    `a connection that is tracked but not redirected is no evidence (${redirect.listener})`,
    async (lab, context) => {
      await must(lab, 'app', nft(redirect === V4 ? 'ip' : 'ip6', 'output', 'tcp dport 9 redirect to :9'))
      const { asked, close } = await redirected(lab, redirect, false)
      context.after(close)
      assert.deepEqual(threeWords(lab, asked), thrice(none('not redirected')))
    },
  )

  kernelTest(`an entry that was deleted is no evidence (${redirect.listener})`, async (lab, context) => {
    const { asked, close } = await redirected(lab, redirect)
    context.after(close)
    assert.equal(threeWords(lab, asked)[1]?.kind, 'found')
    const family = redirect === V4 ? 'ipv4' : 'ipv6'
    await must(lab, 'app', ['conntrack', '-D', '-f', family, '-p', 'tcp', '--orig-port-dst', '80'])
    assert.deepEqual(threeWords(lab, asked), thrice(none('no entry for the connection')))
  })
}

kernelTest('an entry made anew by our own answer does not name the client as the destination', async (lab, context) => {
  const { asked, socket, close } = await redirected(lab, V4)
  context.after(close)
  // Before connection tracking: a reset would end the new entry at once.
  await must(lab, 'app', ['nft', 'add chain ip led raw { type filter hook output priority -300; }'])
  await must(lab, 'app', ['nft', 'add rule ip led raw tcp flags & rst == rst drop'])
  await must(lab, 'app', ['conntrack', '-D', '-p', 'tcp', '--orig-port-dst', '80'])
  await new Promise<void>((resolve, reject) => socket.write('x', (error) => (error ? reject(error) : resolve())))
  const table = await must(lab, 'app', ['conntrack', '-L', '-p', 'tcp'])
  assert.match(table, new RegExp(`src=127.0.0.1 dst=${asked.client.address} sport=${asked.local.port}`))
  const [bySocket, byNetlink, byFile] = threeWords(lab, asked)
  assert.deepEqual(bySocket, none('the entry is of the other direction'))
  assert.deepEqual(byNetlink, none('the entry is of the other direction'))
  assert.deepEqual(byFile, none('no entry for the connection'))
})

kernelTest('a connection that is tracked in another zone is not found', async (lab, context) => {
  const { asked, close } = await redirected(lab, zoned('ct zone set 7'))
  context.after(close)
  assert.match(await must(lab, 'app', ['conntrack', '-L', '-p', 'tcp']), /zone=7/)
  assert.deepEqual(threeWords(lab, asked), thrice(none('no entry for the connection')))
})

kernelTest('a zone of the original direction only does not hide a connection', async (lab, context) => {
  const { asked, close } = await redirected(lab, zoned('ct original zone set 7'))
  context.after(close)
  assert.match(await must(lab, 'app', ['conntrack', '-L', '-p', 'tcp']), /zone-orig=7/)
  assert.deepEqual(threeWords(lab, asked), thrice(FOUND))
})

kernelTest('without the right to ask over netlink, the file gives the same answer', async (lab, context) => {
  const { asked, close } = await redirected(lab, V4)
  context.after(close)
  const orders = { netns: lab.appNetns, asked, bounds: PATIENT }
  assert.deepEqual(await askAs(lab, RIGHTLESS, orders), { answers: [FOUND, FOUND], limits: [], readsFile: true })
  const nobody = { ...orders, asked: NOBODY }
  const nothing = none('no entry for the connection')
  assert.deepEqual(await askAs(lab, RIGHTLESS, nobody), { answers: [nothing, nothing], limits: [], readsFile: true })
})

kernelTest('the file is searched only where netlink is refused', async (lab, context) => {
  const { asked, close } = await redirected(lab, V4)
  context.after(close)
  // A search that may read no line tells by its failure who has made one.
  const orders = { netns: lab.appNetns, asked, bounds: { ...PATIENT, lines: 0 } }
  assert.deepEqual(await askAs(lab, [], orders), { answers: [FOUND, FOUND], limits: [], readsFile: false })
  const tooLong = none('the table is too long to search')
  const limits = ['conntrack_lines', 'conntrack_lines']
  assert.deepEqual(await askAs(lab, RIGHTLESS, orders), { answers: [tooLong, tooLong], limits, readsFile: true })
})

kernelTest('a search of the file stops at its bounds and says so', async (lab, context) => {
  const { asked, close } = await redirected(lab, V4)
  context.after(close)
  const hits: string[] = []
  assert.deepEqual(fileSays(lab, asked, 0, hits), none('the table is too long to search'))
  assert.deepEqual(hits, ['conntrack_lines'])
})

kernelTest('a namespace that cannot be entered is broken evidence, and no descriptor is left behind', (lab) => {
  const before = readdirSync('/proc/self/fd').length
  const evidence = openOriginalDestinations(lab.shim, 1_000_000)
  assert.equal(evidence.conntrack(NOBODY).kind, 'broken')
  assert.equal(evidence.soOriginalDst({ ...NOBODY, fd: 1_000_000 }).kind, 'broken')
  assert.deepEqual(evidence.soOriginalDst(NOBODY), none('no descriptor'))
  evidence.close()
  const another = openOriginalDestinations(lab.shim, lab.appNetnsFd)
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(another.conntrack(NOBODY), none('no entry for the connection'))
    another.close()
  }
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

/** V4 with its packets put into a zone before they are tracked. */
const zoned = (statement: string): Redirect => ({
  ...V4,
  rule: (port) => [
    'nft',
    [
      nft('ip', 'output', `tcp dport 80 redirect to :${port}`)[1],
      'add chain ip led raw { type filter hook output priority -300; }',
      `add rule ip led raw ${statement}`,
    ].join('; '),
  ],
})

const RIGHTLESS = ['setpriv', '--inh-caps=-net_admin', '--bounding-set=-net_admin']

/** Runs ask-conntrack.ts by way of another command. */
const askAs = async (lab: Lab, by: readonly string[], orders: object): Promise<unknown> =>
  JSON.parse(await must(lab, 'world', [...by, process.execPath, fixture('ask-conntrack.ts'), JSON.stringify(orders)]))
