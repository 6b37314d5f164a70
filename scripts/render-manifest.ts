/**
 * Writes what is rendered from the chart and checked in: deploy/understudy.yaml, and charts/understudy/tests, where the
 * render of every variant can be read in a review. Needs build/render-chart (`make build/render-chart`).
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { goldenPath, plainManifest, render, variants } from '../test/support/chart.ts'

export const MANIFEST = new URL('../deploy/understudy.yaml', import.meta.url)

if (import.meta.main) {
  mkdirSync(new URL('.', MANIFEST), { recursive: true })
  writeFileSync(MANIFEST, plainManifest())
  for (const [variant, values] of variants()) {
    const path = goldenPath(variant)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, render([values]))
  }
}
