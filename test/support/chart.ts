/** The chart as it is rendered, for tests and for the script that writes what is checked in. */
import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const CHART = join(ROOT, 'charts/understudy')
export const RENDERER = join(ROOT, 'build/render-chart')
const MAX_BUFFER = 16 * 1024 * 1024

export const isRendererBuilt = (): boolean => existsSync(RENDERER)

/** For tests that render: skips them where the renderer is not built, but never in CI. */
export const RENDERS: { readonly skip: string | false } = {
  skip:
    isRendererBuilt() || process.env['UNDERSTUDY_REQUIRE_KERNEL'] === '1'
      ? false
      : 'the renderer is not built: `make build/render-chart` needs golang-go and the Sprig of Debian',
}

export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> }
  readonly [key: string]: unknown
}

/** The supported variants of the chart: name → file of values. */
export const variants = (): ReadonlyMap<string, string> =>
  new Map(
    globSync(join(CHART, 'ci/*-values.yaml'))
      .sort()
      .map((path) => [basename(path, '-values.yaml'), path]),
  )

/** Where the checked-in render of a variant is. */
export const goldenPath = (variant: string): string => join(CHART, 'tests', `${variant}.yaml`)

const RELEASE_NAMESPACE = 'understudy'

/** The text that the chart renders to; an Error with what the renderer said where it fails. */
export const render = (values: readonly string[], more: readonly string[] = []): string =>
  execFileSync(
    RENDERER,
    ['-namespace', RELEASE_NAMESPACE, ...more, ...values.flatMap((path) => ['-values', path]), CHART],
    {
      encoding: 'utf8',
      maxBuffer: MAX_BUFFER,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )

/** The same by Helm itself; undefined where there is none. */
export const renderByHelm = (values: readonly string[]): string | undefined => {
  try {
    execFileSync('helm', ['version'], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  const files = values.flatMap((path) => ['--values', path])
  const args = [
    'template',
    'understudy',
    CHART,
    '--namespace',
    RELEASE_NAMESPACE,
    '--kube-version',
    'v1.34.0',
    ...files,
  ]
  return execFileSync('helm', args, { encoding: 'utf8', maxBuffer: MAX_BUFFER })
}

/** The objects in a text of YAML documents. Throws on YAML that is wrong or has a key twice. */
export const objectsOf = (text: string): KubeObject[] =>
  parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem) throw problem
    const value: unknown = document.toJS()
    return value === null ? [] : [value as KubeObject]
  })

/** The manifest that `kubectl apply -f` takes: default values, its own namespace, without what only Helm runs. */
export const plainManifest = (): string => `# Understudy's agent on every node: kubectl apply -f understudy.yaml
# Rendered from charts/understudy with its default values by \`node --run docs\`; docs/kubernetes.md explains it.
# The image has no registry: put yours where it says "image:". Needs Kubernetes 1.30 or newer (appArmorProfile).
---
apiVersion: v1
kind: Namespace
metadata:
  name: ${RELEASE_NAMESPACE}
  labels:
    # The agent shares the node's process ids and mounts folders of the node, which the other levels refuse.
    pod-security.kubernetes.io/enforce: privileged
${render([], ['-hooks=false', '-service', 'kubectl'])}`
