/** Mustache templates, as JMustache renders them: sections over lists, `-first`, `-last`, `-index`, `this`. */
import { findJson, findXml } from './body-queries.ts'
import { documentOf, failure } from './document.ts'
import { propertyOf } from './members.ts'
import { createMeter, createOutput, type Meter, type Output } from './meter.ts'
import { type MustachePart, parseMustache } from './mustache-parse.ts'
import type { CompiledTemplate, TemplateModel } from './template.ts'
import { isList, isTrue, textOfValue, type Value } from './value.ts'
import { createVariables } from './variables.ts'

interface Frame {
  readonly value: Value
  /** In a list: the place, from 1, and whether it is the last. */
  readonly index: number
  readonly isLast: boolean
  readonly parent: Frame | undefined
}

interface Rendering {
  readonly model: TemplateModel
  readonly meter: Meter
  readonly variable: (name: string) => Value
  /** What the last `jsonPath` section found. */
  jsonPathResult: Value
}

export function compileMustache(text: string): CompiledTemplate {
  const parsed = parseMustache(text)
  if ('problem' in parsed) return { problem: `not a valid Mustache template: ${parsed.problem}` }
  return {
    render: (model, sources) => {
      try {
        const meter = createMeter()
        const output = createOutput(meter)
        const variable = createVariables(model, sources, meter)
        renderParts(parsed.parts, { model, meter, variable, jsonPathResult: undefined }, undefined, output)
        return documentOf(output.text())
      } catch (error) {
        return failure(error)
      }
    },
  }
}

function renderParts(
  parts: readonly MustachePart[],
  rendering: Rendering,
  frame: Frame | undefined,
  output: Output,
): void {
  for (const part of parts) {
    if (typeof part === 'string') output.write(part)
    else if (part.kind === 'variable') {
      const text = textOfValue(look(part.name, rendering, frame), rendering.meter)
      output.write(part.isEscaped ? escapeText(text) : text)
    } else rendering.meter.nested(() => renderSection(part, rendering, frame, output))
  }
}

function renderSection(
  section: Extract<MustachePart, { kind: 'section' }>,
  rendering: Rendering,
  frame: Frame | undefined,
  output: Output,
): void {
  const { name, isInverted, parts } = section
  const [only] = name.length === 1 && !isInverted ? name : []
  if (only === 'jsonPath' || only === 'xPath') {
    const inner = createOutput(rendering.meter)
    renderParts(parts, rendering, frame, inner)
    const path = inner.text().trim()
    if (only === 'xPath') output.write(findXml(rendering.model.body, path, rendering.meter))
    else rendering.jsonPathResult = findJson(rendering.model.body, path, rendering.meter) ?? ''
    return
  }
  const value = look(name, rendering, frame)
  if (isInverted) {
    if (!isTrue(value)) renderParts(parts, rendering, frame, output)
    return
  }
  if (!isTrue(value)) return
  if (isList(value)) {
    const items = value.slice()
    for (const [at, item] of items.entries()) {
      rendering.meter.step()
      const inner: Frame = { value: item, index: at + 1, isLast: at === items.length - 1, parent: frame }
      renderParts(parts, rendering, inner, output)
    }
    return
  }
  const inner = value === true ? frame : { value, index: 0, isLast: false, parent: frame }
  renderParts(parts, rendering, inner, output)
}

/** The first part of a name is looked for from the inside out, the rest in what it is. */
function look(name: readonly string[], rendering: Rendering, frame: Frame | undefined): Value {
  const [first = '', ...rest] = name
  let value = lookFirst(first, rendering, frame)
  for (const part of rest) value = propertyOf(value, part, rendering.meter)
  return value
}

function lookFirst(name: string, rendering: Rendering, frame: Frame | undefined): Value {
  if (name === 'this') return frame?.value
  if (name === '-index') return inList(frame)?.index ?? 0
  if (name === '-first') return inList(frame)?.index === 1
  if (name === '-last') return inList(frame)?.isLast ?? false
  for (let at = frame; at; at = at.parent) {
    const found = propertyOf(at.value, name, rendering.meter)
    if (found !== undefined) return found
  }
  return name === 'jsonPathResult' ? rendering.jsonPathResult : rendering.variable(name)
}

function inList(frame: Frame | undefined): Frame | undefined {
  let at = frame
  while (at && at.index === 0) at = at.parent
  return at
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ["'", '&#39;'],
  ['"', '&quot;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['`', '&#x60;'],
  ['=', '&#x3D;'],
])

function escapeText(text: string): string {
  return text.replace(/[&'"<>`=]/g, (character) => ESCAPES.get(character) ?? character)
}
