/** Velocity templates: the language as far as it neither reads files nor runs text that it made. */
import { documentOf, failure } from './document.ts'
import { createMeter, createOutput, type Meter, type Output, TemplateStop } from './meter.ts'
import type { CompiledTemplate } from './template.ts'
import { isList, isMap, isTrue, textOfValue, tool, type Value } from './value.ts'
import { bodyTools, createVariables } from './variables.ts'
import { evaluate, type Scope, valueAt } from './velocity-evaluate.ts'
import { parseVelocity } from './velocity-parse.ts'
import { velocityTools } from './velocity-tools.ts'
import type { Block, Part, Reference } from './velocity-tree.ts'

type Macro = Extract<Part, { kind: 'macro' }>
/** Why the rest of a block is left out: to the end of the loop, or of the template. */
type Left = 'break' | 'stop' | undefined

interface Rendering {
  readonly scope: Scope
  readonly meter: Meter
  readonly macros: Map<string, Macro>
}

export function compileVelocity(text: string): CompiledTemplate {
  const parsed = parseVelocity(text)
  if ('problem' in parsed) return { problem: `not a valid Velocity template: ${parsed.problem}` }
  const { block } = parsed
  const usesTools = /\$!?\{?(?:json|xml|math|number|esc|display|jsonPath|xPath)\b/.test(text)
  return {
    render: (model, sources) => {
      try {
        const meter = createMeter()
        const output = createOutput(meter)
        const macros = new Map<string, Macro>()
        const tools = usesTools ? { ...velocityTools(meter), ...bodyTools(model) } : {}
        const scope: Scope = {
          meter,
          own: new Map<string, Value>(Object.entries(tools)),
          variable: createVariables(model, sources, meter),
          rendered: (inner) => {
            const quoted = createOutput(meter)
            meter.nested(() => renderBlock(inner, rendering, quoted))
            return quoted.text()
          },
        }
        const rendering: Rendering = { scope, meter, macros }
        renderBlock(block, rendering, output)
        return documentOf(output.text())
      } catch (error) {
        return failure(error)
      }
    },
  }
}

function renderBlock(block: Block, rendering: Rendering, output: Output): Left {
  for (const part of block) {
    if (typeof part === 'string') {
      output.write(part)
      continue
    }
    rendering.meter.step()
    const left = renderPart(part, rendering, output)
    if (left) return left
  }
  return undefined
}

function renderPart(part: Exclude<Part, string>, rendering: Rendering, output: Output): Left {
  const { scope, meter } = rendering
  switch (part.kind) {
    case 'reference': {
      const { reference } = part
      const value = valueAt(reference, scope)
      if (value !== undefined && value !== null) output.write(textOfValue(value, meter))
      else if (!reference.isQuiet) output.write(reference.source)
      return undefined
    }
    case 'set':
      assign(part.target, evaluate(part.value, scope), scope)
      return undefined
    case 'if': {
      const branch = part.branches.find(({ condition }) => !condition || isTrue(evaluate(condition, scope)))
      return branch ? meter.nested(() => renderBlock(branch.body, rendering, output)) : undefined
    }
    case 'foreach':
      return meter.nested(() => renderLoop(part, rendering, output))
    case 'macro':
      rendering.macros.set(part.name, part)
      return undefined
    case 'call':
      return renderCall(part, rendering, output)
    case 'define':
      scope.own.set(
        part.name,
        tool('', {}, () => scope.rendered(part.body)),
      )
      return undefined
    case 'break':
    case 'stop':
      return part.kind
  }
}

function assign({ name, path }: Reference, value: Value, scope: Scope): void {
  const last = path.at(-1)
  if (!last) {
    scope.own.set(name, value)
    return
  }
  const target = valueAt({ name, path: path.slice(0, -1), isQuiet: false, source: '' }, scope)
  const key = last.kind === 'index' ? evaluate(last.at, scope) : last.name
  if (isMap(target)) target.set(textOfValue(key, scope.meter), value)
  else if (isList(target) && typeof key === 'number' && key >= 0 && key < target.length) target[key] = value
  else throw new TemplateStop('#set where there is nothing to set')
}

function renderLoop(part: Extract<Part, { kind: 'foreach' }>, rendering: Rendering, output: Output): Left {
  const { own, meter } = rendering.scope
  const given = evaluate(part.items, rendering.scope)
  const items = isMap(given) ? [...given.values()] : given
  if (!isList(items) || items.length === 0) return renderBlock(part.otherwise, rendering, output)
  const [outer, before] = [own.get('foreach'), own.get(part.name)]
  const { length } = items
  meter.step(length >> 5)
  for (const [at, item] of items.slice().entries()) {
    meter.step()
    own.set(part.name, item)
    own.set('foreach', loopState(at, length, outer))
    const left = renderBlock(part.body, rendering, output)
    if (left === 'stop') return 'stop'
    if (left === 'break') break
  }
  own.set('foreach', outer)
  if (before === undefined) own.delete(part.name)
  else own.set(part.name, before)
  return undefined
}

function loopState(at: number, length: number, outer: Value): Value {
  return tool('foreach', {
    index: () => at,
    count: () => at + 1,
    hasNext: () => at < length - 1,
    first: () => at === 0,
    last: () => at === length - 1,
    parent: () => outer,
  })
}

/** Arguments are passed by value; a name that the macro sets stays set, as Velocity has it. */
function renderCall(part: Extract<Part, { kind: 'call' }>, rendering: Rendering, output: Output): Left {
  const macro = rendering.macros.get(part.name)
  if (!macro) {
    output.write(part.source)
    return undefined
  }
  const { own } = rendering.scope
  const args = part.args.map((argument) => evaluate(argument, rendering.scope))
  const before = macro.parameters.map((name) => own.get(name))
  for (const [at, name] of macro.parameters.entries()) own.set(name, args[at])
  const left = rendering.meter.nested(() => renderBlock(macro.body, rendering, output))
  for (const [at, name] of macro.parameters.entries()) own.set(name, before[at])
  return left === 'stop' ? 'stop' : undefined
}
