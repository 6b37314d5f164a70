/** The renderer against what Helm's documentation says of templates, on charts of one template. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { objectsOf, RENDERER, RENDERS } from '../support/chart.ts'

const folder = mkdtempSync(join(tmpdir(), 'understudy-renderer-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

interface Chart {
  readonly template: string
  readonly values?: string
  readonly over?: string
  readonly chart?: string
}

/** The `data` of a ConfigMap whose data is the template. */
const data = ({ template, values = '', over = '', chart = '' }: Chart): unknown => {
  mkdirSync(join(folder, 'templates'), { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
  write('Chart.yaml', `apiVersion: v2\nname: tiny\nversion: 1.2.3\nappVersion: "4"\n${chart}`)
  write('values.yaml', values)
  write('over.yaml', over)
  write('notes.txt', 'first\nsecond\n')
  write('templates/_parts.tpl', '{{ define "greet" }}hello {{ .Values.name }}{{ end }}')
  write('templates/map.yaml', `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\ndata:\n${template}\n`)
  const { status, stdout, stderr } = spawnSync(RENDERER, ['-values', join(folder, 'over.yaml'), folder], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return objectsOf(stdout)[0]?.['data']
}

test('values over values: maps key by key, lists as a whole, null takes a key away', RENDERS, () => {
  const values = 'map: { a: 1, b: 2, c: { d: 3 } }\nlist: [1, 2]\n'
  const over = 'map: { b: null, c: { e: 4 } }\nlist: [3]\n'
  assert.deepEqual(data({ template: '  {{ toYaml .Values | nindent 2 }}', values, over }), {
    map: { a: 1, c: { d: 3, e: 4 } },
    list: [3],
  })
})

test('include hands its text on, and tpl renders a text of the values', RENDERS, () => {
  const values = 'name: you\ntext: "{{ include \\"greet\\" . }} of {{ .Release.Name }}"\n'
  const template = '  a: {{ include "greet" . | upper }}\n  b: {{ tpl .Values.text . }}'
  assert.deepEqual(data({ template, values }), { a: 'HELLO YOU', b: 'hello you of understudy' })
})

test('numbers stay numbers, however large', RENDERS, () => {
  assert.deepEqual(data({ template: '  {{ toYaml .Values | nindent 2 }}', values: 'bytes: 268435456\n' }), {
    bytes: 268435456,
  })
})

test('what is not there is empty', RENDERS, () => {
  const template = '  a: "{{ .Values.none }}"\n  b: {{ lookup "v1" "Pod" "" "" | len }}'
  assert.deepEqual(data({ template }), { a: '', b: 0 })
})

test('required and fail end the render with their words', RENDERS, () => {
  assert.throws(() => data({ template: '  a: {{ required "name it" .Values.none }}' }), /name it/)
  assert.throws(() => data({ template: '{{ fail "no such thing" }}' }), /no such thing/)
})

test('the environment is not to be seen', RENDERS, () => {
  assert.throws(() => data({ template: '  a: {{ env "HOME" }}' }), /function "env" not defined/)
})

test('YAML is read in templates, and an error in it is a value', RENDERS, () => {
  const template =
    '  a: {{ (fromYaml "b: [1, 2]").b | len }}\n  c: {{ (fromYaml "b: [").Error | empty }}\n  d: {{ fromJsonArray "[1]" | len }}'
  assert.deepEqual(data({ template }), { a: 1 + 1, c: false, d: 1 })
})

test('files and the chart itself can be asked for', RENDERS, () => {
  const template =
    '  a: {{ .Files.Lines "notes.txt" | join "+" }}\n  b: {{ .Chart.Name }}-{{ .Chart.Version }}\n  {{ (.Files.Glob "*.txt").AsConfig | nindent 2 }}'
  assert.deepEqual(data({ template }), { a: 'first+second', b: 'tiny-1.2.3', 'notes.txt': 'first\nsecond\n' })
})

test('a template that includes itself ends', RENDERS, () => {
  const template = '{{ define "loop" }}{{ include "loop" . }}{{ end }}{{ include "loop" . }}'
  assert.throws(() => data({ template }), /without an end/)
})

test('a key that stands twice is refused, and so is a chart with dependencies', RENDERS, () => {
  assert.throws(() => data({ template: '  a: 1\n  a: 2' }), /already set/)
  assert.throws(
    () => data({ template: '  a: 1', chart: 'dependencies: [{ name: b }]\n' }),
    /dependencies are not covered/,
  )
})

test('the renderer is formatted as Go is', RENDERS, () => {
  const source = new URL('../../scripts/render-chart', import.meta.url).pathname
  assert.equal(execFileSync('gofmt', ['-l', source], { encoding: 'utf8' }), '')
})
