/** Which process has a TCP port, for error messages. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

const LISTEN = '0A'

/** Inodes of the sockets that listen on `port`, of a /proc/net/tcp or tcp6 file (proc_net_tcp.rst). */
export const listeningInodes = (text: string, port: number): string[] => {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return text.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    return state === LISTEN && local.endsWith(wanted) && inode ? [inode] : []
  })
}

const hasSocket = (pid: string, links: ReadonlySet<string>): boolean => {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return links.has(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        return false // closed meanwhile
      }
    })
  } catch {
    return false // gone, or not ours to look at
  }
}

/** The program's name; the kernel's comm is only its first thread's (`node-MainThread`). */
const programName = (pid: string): string => {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, '')
  } catch {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  }
}

/** `nginx (pid 812)`; undefined where it cannot be told. */
export const whoListens = (
  port: number,
  readProcNet: (name: 'tcp' | 'tcp6') => string = (name) => readFileSync(`/proc/net/${name}`, 'latin1'),
): string | undefined => {
  try {
    const inodes = [...listeningInodes(readProcNet('tcp'), port), ...listeningInodes(readProcNet('tcp6'), port)]
    const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
    if (links.size === 0) return undefined
    const pid = readdirSync('/proc').find((name) => /^\d+$/.test(name) && hasSocket(name, links))
    return pid === undefined ? undefined : `${programName(pid)} (pid ${pid})`
  } catch {
    return undefined
  }
}
