/**
 * Writes what is rendered from the chart and checked in: deploy/understudy.yaml, and charts/understudy/tests, where the
 * render of every variant can be read in a review. Does nothing, and says so, where there is no Go to build the renderer with.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { goldenPath, isRendererBuilt, plainManifest, render, variants } from '../test/support/chart.ts'

export const MANIFEST = new URL('../deploy/understudy.yaml', import.meta.url)

/** Builds the renderer, or says why it is not there. */
const build = (): boolean => {
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  execFileSync('make', ['--silent', 'render-chart-if-possible'], { cwd, stdio: 'inherit' })
  return isRendererBuilt()
}

if (import.meta.main && build()) {
  mkdirSync(new URL('.', MANIFEST), { recursive: true })
  writeFileSync(MANIFEST, plainManifest())
  for (const [variant, values] of variants()) {
    const path = goldenPath(variant)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, render([values]))
  }
}
