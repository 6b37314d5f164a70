import assert from 'node:assert/strict'
import { replyTuple } from '../../src/kernel/conntrack-entry.ts'
import { openOriginalDestinations, searchFile } from '../../src/kernel/original-destination.ts'
import type { Evidence } from '../../src/resolve/strategy.ts'
import { type Lab, labTest } from '../support/lab.ts'
import { LISTEN_ANY, REDIRECTS, type Redirect, redirected } from '../support/redirect.ts'

const kernelTest = labTest('original-dst')

/** What the socket, netlink and the file say of one connection. */
const threeWords = async (lab: Lab, redirect: Redirect): Promise<Record<string, Evidence>> => {
  const connection = await redirected(lab, redirect)
  const evidence = openOriginalDestinations(lab.shim, lab.appNetnsFd)
  try {
    // A listener of both families has its IPv4 connections in IPv6's clothes.
    const isMapped = redirect.listener === LISTEN_ANY && !redirect.to[0].includes(':')
    assert.equal(connection.socket.localAddress?.startsWith('::ffff:'), isMapped)
    const reply = replyTuple(connection.asked)
    assert.ok(reply)
    return {
      socket: evidence.soOriginalDst(connection.asked),
      netlink: evidence.conntrack(connection.asked),
      file: searchFile(lab.shim, lab.appNetnsFd, reply),
    }
  } finally {
    evidence.close()
    await connection.close()
  }
}

for (const redirect of REDIRECTS) {
  kernelTest(`${redirect.name}: socket, netlink and file name what the client dialled`, async (lab) => {
    const [address, port] = redirect.to
    const found: Evidence = { kind: 'found', destination: { address, port } }
    assert.deepEqual(await threeWords(lab, redirect), { socket: found, netlink: found, file: found })
  })
}
