/** Whose connection the kernel has summed up: its workload by cgroup or network namespace, its names by what DNS told it. */
import type { ConnectionSummary, Endpoint, Workload } from '../flow.ts'
import type { OpenConnection as KernelConnection } from '../kernel/open-connections.ts'
import type { OpenConnection } from '../record/tcp-series.ts'
import { isTestAddress } from './self-test.ts'

/** A workload as connections name it; `id` only where it is intercepted. */
export interface Owner {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly workload?: Workload
}

export interface AttributionOptions {
  readonly ofCgroup: (cgroupId: bigint) => Owner | undefined
  readonly ofNetns: (netnsCookie: bigint) => Owner | undefined
  readonly namesOf: (workload: Workload, address: string) => readonly string[]
}

export interface Attribution {
  /** With its workload, where that is known, and names; undefined for what is not the workloads' doing but ours. */
  attribute(summary: ConnectionSummary): ConnectionSummary | undefined
  open(connection: KernelConnection): OpenConnection | undefined
}

export const createAttribution = ({ ofCgroup, ofNetns, namesOf }: AttributionOptions): Attribution => {
  const ownerOf = ({ cgroupId = 0n, netnsCookie = 0n }: Pick<ConnectionSummary, 'cgroupId' | 'netnsCookie'>) =>
    (cgroupId === 0n ? undefined : ofCgroup(cgroupId)) ?? ofNetns(netnsCookie)
  const partsOf = (owner: Owner, destination: Endpoint) => {
    const { name, namespace, uid, workload } = owner
    const names = workload ? namesOf(workload, destination.address) : []
    return { workload: { name, namespace, uid }, ...(names.length > 0 ? { names } : {}) }
  }
  const isOurs = (verdict: string, destination: Endpoint): boolean =>
    verdict === 'own_traffic' || isTestAddress(destination.address)
  return {
    attribute: (summary) => {
      if (isOurs(summary.verdict, summary.destination)) return undefined
      const owner = ownerOf(summary)
      return owner ? { ...summary, ...partsOf(owner, summary.destination) } : summary
    },
    open: (connection) => {
      const { destination, dialled, verdict, established } = connection
      if (!established || isOurs(verdict, destination)) return undefined
      const owner = ownerOf(connection)
      const where = { destination, verdict, ...(dialled ? { dialled } : {}) }
      return owner ? { ...where, ...partsOf(owner, destination) } : where
    },
  }
}
