/** What the BPF programs counted, read when it is scraped. */
import { Counter, Gauge, type Registry } from 'prom-client'

/** Totals since the programs were attached, and the state of their maps. */
export interface KernelReading {
  /** By reason. */
  readonly faults: Readonly<Record<string, number>>
  /** Entries by map. */
  readonly mapEntries: Readonly<Record<string, number>>
  readonly events: number
  /** Lost because the ring buffer was full. */
  readonly eventsDropped: number
  /** Lost for other causes (`no_state`: nothing was noted when the socket connected), where they are told apart. */
  readonly eventsDroppedBy?: Readonly<Record<string, number>>
  readonly heartbeatAgeMs: number
}

/** Undefined while nothing is attached. */
export type ReadKernel = () => KernelReading | undefined

/** The answer takes a fresh reading, which the metrics then show; call it before a scrape. */
export const declareKernelMetrics = (registry: Registry, readKernel: ReadKernel): (() => void) => {
  let reading: KernelReading | undefined
  const registers = [registry]
  new Counter({
    name: 'understudy_bpf_faults_total',
    help: 'Times a BPF program could not do its work and left the connection as it was, by reason.',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset()
      for (const [reason, count] of Object.entries(reading?.faults ?? {})) this.inc({ reason }, count)
    },
  })
  new Gauge({
    name: 'understudy_bpf_map_entries',
    help: 'Entries in a BPF map.',
    labelNames: ['map'],
    registers,
    collect() {
      this.reset()
      for (const [map, count] of Object.entries(reading?.mapEntries ?? {})) this.set({ map }, count)
    },
  })
  const total = (name: string, help: string, read: (from: KernelReading) => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        if (reading) this.inc(read(reading))
      },
    })
  total('understudy_bpf_events_total', 'Connection summaries that the kernel wrote.', (from) => from.events)
  new Counter({
    name: 'understudy_bpf_events_dropped_total',
    help: 'Connection summaries that were lost, by cause.',
    labelNames: ['cause'],
    registers,
    collect() {
      this.reset()
      if (!reading) return
      const causes = { ring_full: reading.eventsDropped, ...reading.eventsDroppedBy }
      for (const [cause, count] of Object.entries(causes)) this.inc({ cause }, count)
    },
  })
  new Gauge({
    name: 'understudy_heartbeat_age_seconds',
    help: 'Time since the proxy last told the kernel that it is alive.',
    registers,
    collect() {
      // No reading, no sample: an age of 0 would read as healthy.
      if (reading) this.set(reading.heartbeatAgeMs / 1000)
      else this.remove()
    },
  })
  return () => {
    reading = readKernel()
  }
}
