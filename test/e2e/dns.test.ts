import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { framed } from '../../src/dns/framing.ts'
import { answerTo, NXDOMAIN, outlineOf, queryFor, record, SERVFAIL } from '../support/dns-messages.ts'
import {
  closedPort,
  type OnTcpQuery,
  type OnUdpQuery,
  SHOP,
  startDns,
  startTcpUpstream,
  startUdpUpstream,
  tcpClient,
  udpClient,
} from '../support/dns-peers.ts'

const IN_TIME = { timeout: 4000 } // less than a query may take, so what hangs is no success
const ADDRESS = { answers: [record('A', 'orders.test', '10.1.2.3')] }
/** Noise that is passed on is noise to the resolver, too: it answers what dns-packet can read. */
const readable = (query: Buffer): Buffer | undefined => {
  try {
    return answerTo(query, ADDRESS)
  } catch {
    return undefined
  }
}
const answers: OnUdpQuery = (query, reply) => {
  const answer = readable(query)
  if (answer) reply(answer)
}
const answersTcp: OnTcpQuery = (query, socket) => {
  const answer = readable(query)
  if (answer) socket.write(framed(answer))
}

test('a query over UDP comes back with its own id, and went out with another', async (context) => {
  const ids: number[] = []
  const udp = await startUdpUpstream(context, (query, reply) => {
    ids.push(query.readUInt16BE(0))
    reply(answerTo(query, ADDRESS))
  })
  const { udpPort, dns } = await startDns(context, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  for (let i = 0; i < 20; i++) {
    client.send(queryFor('orders.test', { id: 7 }))
    const { id, data } = outlineOf(await client.next())
    assert.deepEqual([id, data], [7, ['10.1.2.3']])
  }
  assert.ok(new Set(ids).size > 15, 'ids of our own, and not one after another')
  assert.equal(dns.nameOf(SHOP, '10.1.2.3'), 'orders.test')
  assert.equal(dns.intents(), 1)
})

test('forged answers are left: another id, another question, another sender', async (context) => {
  const forger = await startUdpUpstream(context, () => {})
  const forged = { answers: [record('A', 'orders.test', '10.6.6.6')] }
  const udp = await startUdpUpstream(context, async (query, reply, peer) => {
    const wrongId = answerTo(query, forged)
    wrongId.writeUInt16BE(wrongId.readUInt16BE(0) ^ 1, 0)
    reply(wrongId)
    reply(answerTo(queryFor('other.test', { id: query.readUInt16BE(0) }), forged))
    reply(queryFor('orders.test', { id: query.readUInt16BE(0) }))
    const { createSocket } = await import('node:dgram')
    const stranger = createSocket('udp4')
    stranger.send(answerTo(query, forged), peer.port, peer.address, () => {
      stranger.close()
      reply(answerTo(query, ADDRESS))
    })
  })
  assert.notEqual(forger.port, udp.port)
  const { udpPort } = await startDns(context, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  assert.deepEqual(outlineOf(await client.next()).data, ['10.1.2.3'])
})

test('a resolver whose port is closed means SERVFAIL at once', IN_TIME, async (context) => {
  const { udpPort, counts } = await startDns(context, { upstreams: { udp: await closedPort() } })
  const client = await udpClient(context, udpPort)
  for (let i = 0; i < 8; i++) {
    client.send(queryFor('orders.test', { id: i }))
    const { id, rcode } = outlineOf(await client.next())
    assert.deepEqual([id, rcode], [i, SERVFAIL])
  }
  assert.deepEqual(new Set(counts), new Set(['failed']))
})

test('an expected name is answered by us when the resolver keeps silent', IN_TIME, async (context) => {
  const udp = await startUdpUpstream(context, () => {})
  const { udpPort, dns } = await startDns(context, { upstreams: { udp }, dns: { upstreamTimeoutMs: 20 } })
  const client = await udpClient(context, udpPort)
  client.send(queryFor('mock.test'))
  const [address = ''] = outlineOf(await client.next()).data
  assert.ok(dns.isReserved(address))
  assert.equal(dns.nameOf(SHOP, address), 'mock.test')
  assert.deepEqual(dns.namesOf(SHOP, address), ['mock.test'])
})

test('after a silence the next query goes out from another port', async (context) => {
  const ports = new Set<number>()
  const udp = await startUdpUpstream(context, (query, reply, { port }) => {
    ports.add(port)
    if (query.includes('other')) reply(answerTo(query))
  })
  const { udpPort } = await startDns(context, { upstreams: { udp }, dns: { upstreamTimeoutMs: 20 } })
  const client = await udpClient(context, udpPort)
  for (let i = 0; i < 12; i++) {
    client.send(queryFor('mock.test'))
    await client.next()
  }
  assert.equal(ports.size, 12)
})

test(
  'a resolver of the file that cannot be reached costs nothing: the next one is asked for it',
  IN_TIME,
  async (context) => {
    const udp = await startUdpUpstream(context, answers)
    const { udpPort } = await startDns(context, { fallback: [await closedPort(), udp] })
    const client = await udpClient(context, udpPort)
    const rcodes: number[] = []
    for (let i = 0; i < 3; i++) {
      client.send(queryFor('orders.test'))
      rcodes.push(outlineOf(await client.next()).rcode)
    }
    assert.deepEqual(rcodes, [0, 0, 0])
  },
)

test('a resolver that was asked on purpose, and is none of the file, is not replaced', IN_TIME, async (context) => {
  const udp = await startUdpUpstream(context, answers)
  const dead = await closedPort()
  const { udpPort } = await startDns(context, { fallback: [udp], upstreamFor: () => dead })
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  assert.equal(outlineOf(await client.next()).rcode, SERVFAIL)
})

test('a server that is its own resolver fails, rather than ask itself', IN_TIME, async (context) => {
  const own = { address: '127.0.0.1', port: 0 }
  const { udpPort, counts } = await startDns(context, { upstreamFor: () => own })
  own.port = udpPort
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  assert.equal(outlineOf(await client.next()).rcode, SERVFAIL)
  assert.deepEqual(counts, ['failed'])
})

test('whatever datagrams come, the next good query is answered', async (context) => {
  const udp = await startUdpUpstream(context, answers)
  const { udpPort } = await startDns(context, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 1500 }), { maxLength: 5 }),
      fc.nat(0xffff),
      async (all, id) => {
        for (const bytes of all) client.send(Buffer.from(bytes))
        client.send(queryFor('orders.test', { id }))
        for (;;) {
          const answer = await client.next()
          if (answer.readUInt16BE(0) === id && outlineOf(answer).data[0] === '10.1.2.3') return
        }
      },
    ),
  )
})

test('whatever the resolver says, the next good answer comes through', async (context) => {
  const noise: Buffer[] = []
  const udp = await startUdpUpstream(context, (query, reply) => {
    for (const bytes of noise.splice(0)) {
      const hostile = Buffer.concat([query.subarray(0, 2), Buffer.from([0x81]), bytes])
      reply(hostile)
    }
    reply(answerTo(query, ADDRESS))
  })
  const { udpPort } = await startDns(context, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 4 }), async (all) => {
      noise.push(...all.map((bytes) => Buffer.from(bytes)))
      client.send(queryFor('orders.test', { id: 1 }))
      await client.next()
      client.send(queryFor('orders.test', { id: 2 }))
      const answer = await client.next()
      assert.deepEqual(outlineOf(answer).data, ['10.1.2.3'])
    }),
  )
})

test('queries over TCP may come in pieces and many at once', IN_TIME, async (context) => {
  const tcp = await startTcpUpstream(context, answersTcp)
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const { socket, next } = await tcpClient(context, tcpPort)
  const queries = Array.from({ length: 300 }, (_, id) => framed(queryFor('orders.test', { id })))
  const stream = Buffer.concat(queries)
  for (let at = 0; at < 100; at++) socket.write(stream.subarray(at, at + 1))
  socket.write(stream.subarray(100))
  const ids = new Set<number | undefined>()
  for (let i = 0; i < 300; i++) ids.add(outlineOf(await next()).id)
  assert.equal(ids.size, 300)
})

test('an answer that takes longer does not hold up the others', IN_TIME, async (context) => {
  const held: (() => void)[] = []
  const tcp = await startTcpUpstream(context, (query, socket) => {
    if (query.includes('slow')) held.push(() => answersTcp(query, socket))
    else answersTcp(query, socket)
  })
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const { send, next } = await tcpClient(context, tcpPort)
  send(queryFor('slow.test', { id: 1 }))
  send(queryFor('fast.test', { id: 2 }))
  assert.equal(outlineOf(await next()).id, 2)
  for (const release of held) release()
  assert.equal(outlineOf(await next()).id, 1)
})

test('a client that has closed its side still gets its answers', IN_TIME, async (context) => {
  const tcp = await startTcpUpstream(context, answersTcp)
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const { socket, send, next } = await tcpClient(context, tcpPort)
  send(queryFor('orders.test'))
  socket.end()
  assert.deepEqual(outlineOf(await next()).data, ['10.1.2.3'])
  await once(socket, 'end')
})

test('a resolver that closes after each answer is asked again for the rest', IN_TIME, async (context) => {
  const tcp = await startTcpUpstream(context, (query, socket) => {
    if (socket.writableEnded) return
    answersTcp(query, socket)
    socket.end()
  })
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const { send, next } = await tcpClient(context, tcpPort)
  for (let id = 0; id < 5; id++) send(queryFor('orders.test', { id }))
  for (let i = 0; i < 5; i++) assert.deepEqual(outlineOf(await next()).data, ['10.1.2.3'])
})

test('a resolver that takes no connection means SERVFAIL at once', IN_TIME, async (context) => {
  const { tcpPort } = await startDns(context, { upstreams: { tcp: await closedPort() } })
  const { send, next } = await tcpClient(context, tcpPort)
  send(queryFor('orders.test'))
  assert.equal(outlineOf(await next()).rcode, SERVFAIL)
})

test('a zone transfer of three messages comes through', IN_TIME, async (context) => {
  const tcp = await startTcpUpstream(context, (query, socket) => {
    for (let i = 0; i < 3; i++) answersTcp(query, socket)
  })
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const { send, next } = await tcpClient(context, tcpPort)
  send(queryFor('test', { type: 'AXFR', id: 5 }))
  for (let i = 0; i < 3; i++) assert.equal(outlineOf(await next()).id, 5)
})

test('a zone transfer after which the resolver hangs up is not asked for again', IN_TIME, async (context) => {
  let transfers = 0
  const tcp = await startTcpUpstream(context, (query, socket) => {
    transfers++
    socket.end(framed(answerTo(query, ADDRESS)))
  })
  const { tcpPort, counts } = await startDns(context, { upstreams: { tcp } })
  const { send, next, socket } = await tcpClient(context, tcpPort)
  send(queryFor('test', { type: 'AXFR', id: 5 }))
  await next()
  socket.end()
  await once(socket, 'close')
  assert.deepEqual([transfers, counts], [1, ['forwarded']])
})

test('noise on a TCP connection hurts nobody else', IN_TIME, async (context) => {
  const tcp = await startTcpUpstream(context, answersTcp)
  const { tcpPort } = await startDns(context, { upstreams: { tcp } })
  const noisy = await tcpClient(context, tcpPort)
  for (const bytes of fc.sample(fc.uint8Array({ maxLength: 2000 }), 50)) noisy.socket.write(bytes)
  for (const bytes of fc.sample(fc.uint8Array({ maxLength: 40 }), 200)) noisy.socket.write(framed(Buffer.from(bytes)))
  noisy.socket.resetAndDestroy()
  const { send, next } = await tcpClient(context, tcpPort)
  send(queryFor('orders.test'))
  assert.deepEqual(outlineOf(await next()).data, ['10.1.2.3'])
})

test('one TCP connection too many is closed, and counted', async (context) => {
  const { tcpPort, counts } = await startDns(context)
  for (let i = 0; i < 512; i++) await tcpClient(context, tcpPort)
  const { socket } = await tcpClient(context, tcpPort)
  await once(socket, 'end')
  assert.deepEqual(counts, ['dns_connections'])
})

test('a server that is closed leaves a late answer alone', async (context) => {
  const late: (() => void)[] = []
  const udp = await startUdpUpstream(context, (query, reply) => void late.push(() => reply(answerTo(query, ADDRESS))))
  const { udpPort, close, dns } = await startDns({ after: () => {} }, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  const { promise, resolve } = Promise.withResolvers<void>()
  const poll = setInterval(() => late.length > 0 && resolve(), 1)
  await promise
  clearInterval(poll)
  await close()
  for (const release of late) release()
  assert.equal(dns.intents(), 0)
})

test('a place that is taken is refused, and the others are given back', async (context) => {
  const taken = await startUdpUpstream(context, () => {})
  await assert.rejects(startDns(context, { udp: [{ address: '127.0.0.1', port: 0 }, taken] }), /EADDRINUSE/)
})

/** Sockets as somebody else makes them: a bound one, a listening one and three to ask with, then the server. */
const MAKER = `
import os, socket, sys
made = [socket.socket(socket.AF_INET, kind) for kind in
        (socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_DGRAM, socket.SOCK_DGRAM)]
for one in made[:2]: one.bind(('127.0.0.1', 0))
made[1].listen()
for one in made: one.setblocking(False); os.set_inheritable(one.fileno(), True)
udp, tcp, *sockets = [one.fileno() for one in made]
print(*[one.getsockname()[1] for one in made[:2]], flush=True)
orders = sys.argv[3] % (udp, tcp, sockets)
os.execv(sys.argv[1], [sys.argv[1], sys.argv[2], orders])
`

test('sockets made by somebody else are served, and asked with', IN_TIME, async (context) => {
  const udp = await startUdpUpstream(context, (query, reply) => reply(answerTo(query, ADDRESS, 0)))
  const orders = `{"udp": [{"fd": %d, "isIpv6": false}], "tcp": [{"fd": %d, "isIpv6": false}], "sockets": %s,
    "upstream": ${JSON.stringify(udp)}, "expected": ["mock.test"]}`
  const server = fileURLToPath(new URL('../fixtures/dns/server.ts', import.meta.url))
  const child = spawn('python3', ['-S', '-c', MAKER, process.execPath, server, orders], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  context.after(() => void child.kill())
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const [udpPort = 0, tcpPort = 0] = String((await lines.next()).value)
    .split(' ')
    .map(Number)
  assert.equal((await lines.next()).value, 'ready')
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  assert.deepEqual(outlineOf(await client.next()).data, ['10.1.2.3'])
  const tcp = await tcpClient(context, tcpPort)
  tcp.send(queryFor('mock.test'))
  assert.deepEqual(outlineOf(await tcp.next()).data, ['240.241.0.1'])
  child.stdin.write('name 10.1.2.3\n')
  assert.equal((await lines.next()).value, 'name 10.1.2.3 is orders.test')
})

test('an answer that does not exist is passed on as such', async (context) => {
  const udp = await startUdpUpstream(context, (query, reply) => reply(answerTo(query, {}, NXDOMAIN)))
  const { udpPort, counts } = await startDns(context, { upstreams: { udp } })
  const client = await udpClient(context, udpPort)
  client.send(queryFor('orders.test'))
  assert.equal(outlineOf(await client.next()).rcode, NXDOMAIN)
  assert.deepEqual(counts, ['forwarded'])
})
