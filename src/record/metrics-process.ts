/** The proxy's own process, measured when it is scraped: no timers, no observers that run in between. */
import { Counter, Gauge, type Registry } from 'prom-client'

export const declareProcessMetrics = (registry: Registry, version: string): void => {
  const registers = [registry]
  new Gauge({
    name: 'understudy_build_info',
    help: 'Always 1; the labels say what is running.',
    labelNames: ['version', 'node'],
    registers,
  }).set({ version, node: process.version }, 1)
  new Gauge({
    name: 'understudy_process_start_time_seconds',
    help: 'Start of the process, seconds since the epoch.',
    registers,
  }).set(Math.round(Date.now() / 1000 - process.uptime()))
  new Gauge({
    name: 'understudy_process_resident_memory_bytes',
    help: 'Resident memory of the process.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Counter({
    name: 'understudy_process_cpu_seconds_total',
    help: 'User and system CPU time of the process.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'understudy_event_loop_lag_seconds',
    help: 'How long a task queued at the time of the scrape waited for its turn.',
    registers,
    async collect() {
      const startNs = process.hrtime.bigint()
      await new Promise((resolve) => setImmediate(resolve))
      this.set(Number(process.hrtime.bigint() - startNs) / 1e9)
    },
  })
}
