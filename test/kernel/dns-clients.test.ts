/** Programs with four resolvers ask our DNS server instead of the resolver in the world, and notice nothing. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startDnsmasq } from '../support/dnsmasq.ts'
import { type Lab, labTest, NET, type Started } from '../support/lab.ts'
import { type LookedUp, lookUp, missingFor, RESOLVERS, type Resolver } from '../support/resolvers.ts'

const kernelTest = labTest('dns-clients')
const SERVER = fileURLToPath(new URL('../fixtures/dns/server.ts', import.meta.url))
const OURS = '127.0.0.1'
const RESERVED4 = '240.241.0.1'
const RESERVED6 = '2001:2:0:1::1'
/** More than fit into 512 bytes: the answer is cut, and asked for again over TCP. */
const MANY = Array.from({ length: 60 }, (_, i) => `10.5.0.${i + 1}`)

const DIRECT = `nameserver ${NET.world4}\n`
const THROUGH_US = `nameserver ${OURS}\n`

/** Go and Java must be told apart from success by how the connection fails, so addresses lead to closed ports. */
const setUp = async (lab: Lab, context: TestContext): Promise<Started> => {
  const hosts = [
    `${NET.world4} orders.test`,
    `${NET.world6} orders.test`,
    `${NET.app4} four.test`,
    ...MANY.map((address) => `${address} many.test`),
  ]
  await startDnsmasq(lab, context, {
    place: 'world',
    address: NET.world4,
    hosts,
    more: ['--cname=alias.test,orders.test'],
  })
  const place = { address: OURS, port: 53 }
  const orders = { udp: [place], tcp: [place], upstream: { address: NET.world4, port: 53 }, expected: ['mock.test'] }
  const server = lab.start('app', [process.execPath, SERVER, JSON.stringify(orders)])
  context.after(() => server.kill())
  await server.said('ready')
  return server
}

const outline = ({ addresses, isFound }: LookedUp) => ({ addresses: [...addresses].sort(), isFound })

for (const resolver of RESOLVERS) {
  kernelTest(`${resolver}: every name is the same through us as directly`, async (lab, context) => {
    if (skips(resolver, context)) return
    await setUp(lab, context)
    for (const name of ['orders.test', 'four.test', 'alias.test', 'none.test']) {
      const direct = outline(await lookUp(lab, resolver, name, { resolvConf: DIRECT }))
      const through = outline(await lookUp(lab, resolver, name, { resolvConf: THROUGH_US }))
      assert.deepEqual(through, direct, name)
      assert.equal(direct.isFound, name !== 'none.test', name)
    }
  })

  kernelTest(`${resolver}: a name that exists only as an expectation has an address`, async (lab, context) => {
    if (skips(resolver, context)) return
    const server = await setUp(lab, context)
    assert.equal((await lookUp(lab, resolver, 'mock.test', { resolvConf: DIRECT })).isFound, false)
    const { addresses, isFound, finished } = await lookUp(lab, resolver, 'mock.test', { resolvConf: THROUGH_US })
    assert.ok(isFound, finished.stdout + finished.stderr)
    for (const address of addresses) assert.ok([RESERVED4, RESERVED6].includes(address), address)
    assert.ok(addresses.length > 0 || resolver === 'java', finished.stdout + finished.stderr)
    server.tell(`name ${RESERVED4}`)
    await server.said(`name ${RESERVED4} is mock.test`)
  })
}

for (const options of ['', 'options edns0\n', 'options use-vc\n']) {
  const how = options.trim() || 'no options'
  kernelTest(`glibc with ${how}: an answer too long for a datagram arrives whole`, async (lab, context) => {
    if (skips('glibc', context)) return
    const server = await setUp(lab, context)
    const { addresses } = await lookUp(lab, 'glibc', 'many.test', { resolvConf: `${THROUGH_US}${options}` })
    assert.deepEqual([...addresses].sort(), [...MANY].sort())
    server.tell(`name ${MANY[17]}`)
    await server.said(`name ${MANY[17]} is many.test`)
  })
}

/** CI has every resolver, so there it is no reason to skip. */
function skips(resolver: Resolver, context: TestContext): boolean {
  const missing = missingFor(resolver)
  if (!missing) return false
  assert.notEqual(process.env['UNDERSTUDY_REQUIRE_KERNEL'], '1', `${missing} is not installed`)
  context.skip(`${missing} is not installed`)
  return true
}
