/** `regex`: Java's regular expressions, run by a linear engine. */
import { re2js } from '../../libraries.ts'
import { charge, type Meter, TemplateStop } from '../meter.ts'
import { tool, type Value, wholeOf } from '../value.ts'
import { textAt } from './arguments.ts'

const MAX_PATTERN = 1000
const MAX_SUBJECT = 16 * 1024

function open(args: readonly Value[], meter: Meter) {
  const subject = textAt(args, 0, meter)
  const source = textAt(args, 1, meter)
  if (subject.length > MAX_SUBJECT || source.length > MAX_PATTERN) {
    throw new TemplateStop('regex takes a subject of up to 16384 characters and a pattern of up to 1000')
  }
  meter.step(500 + source.length * 20 + subject.length * 2)
  try {
    return re2js().RE2JS.compile(source).matcher(subject)
  } catch (error) {
    throw new TemplateStop(`not a valid regular expression: ${error instanceof Error ? error.message : String(error)}`)
  }
}

export const regexTool = tool('regex', {
  matches: (args, meter) => open(args, meter).find(),
  group: (args, meter) => {
    const matcher = open(args, meter)
    const at = wholeOf(args[2], 'the number of a group')
    if (!matcher.find() || at < 0 || at > matcher.groupCount()) return ''
    return matcher.group(at) ?? ''
  },
  replaceAll: (args, meter) => {
    const matcher = open(args, meter)
    const replacement = textAt(args, 2, meter)
    charge(meter, MAX_SUBJECT + replacement.length * MAX_SUBJECT)
    try {
      return matcher.replaceAll(replacement)
    } catch (error) {
      throw new TemplateStop(`not a valid replacement: ${error instanceof Error ? error.message : String(error)}`)
    }
  },
})
