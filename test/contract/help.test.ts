/** What `--help` says and what the parser takes are the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGENT_FLAGS } from '../../src/cli/agent.ts'
import { CLEANUP_FLAGS } from '../../src/cli/cleanup.ts'
import { DOCTOR_FLAGS } from '../../src/cli/doctor.ts'
import { HELP } from '../../src/cli/help.ts'
import { LOG_LEVELS } from '../../src/cli/options.ts'
import { RUN_FLAGS } from '../../src/cli/run.ts'
import { SERVE_FLAGS } from '../../src/cli/serve.ts'

interface Flag {
  readonly type: 'string' | 'boolean'
  readonly short?: string
}

const PARSERS: Readonly<Record<string, Readonly<Record<string, Flag>>>> = {
  run: RUN_FLAGS,
  serve: SERVE_FLAGS,
  doctor: DOCTOR_FLAGS,
  agent: AGENT_FLAGS,
  cleanup: CLEANUP_FLAGS,
}

/** `-c, --config FILE` of a help text, in its order; a `--no-` line belongs to its flag. */
const helped = (text: string): string[] =>
  [...text.matchAll(/^ {2}(?:-(\w), | {4})--([a-z-]+)(?: ([A-Z]+))? /gm)]
    .concat([...text.matchAll(/^ {2}-(\w), --(help)()$/gm)])
    .filter(([, , name = '']) => !name.startsWith('no-'))
    .map(([, short, name, value]) => line(name ?? '', short, Boolean(value)))
    .sort()

const line = (name: string, short: string | undefined, takesValue: boolean): string =>
  `${short ? `-${short}, ` : ''}--${name}${takesValue ? ' VALUE' : ''}`

for (const [command, flags] of Object.entries(PARSERS)) {
  const text = HELP[command as keyof typeof HELP]

  test(`${command} --help lists every flag that ${command} takes, and no other`, () => {
    const parsed = Object.entries(flags).map(([name, { short, type }]) => line(name, short, type === 'string'))
    assert.deepEqual(helped(text), parsed.sort())
  })

  test(`${command} --help begins with how it is called and fits a terminal`, () => {
    assert.ok(text.startsWith(`understudy ${command}`))
    assert.deepEqual(
      text.split('\n').filter((each) => each.length > 100),
      [],
    )
  })
}

test('understudy --help names every command', () => {
  for (const command of Object.keys(PARSERS)) assert.match(HELP.main, new RegExp(`^  understudy ${command}\\b`, 'm'))
})

test('the log levels are those of the parser', () => {
  for (const text of [HELP.run, HELP.serve, HELP.agent]) {
    const [, list = ''] = /--log-level LEVEL +(.*);/.exec(text) ?? []
    assert.deepEqual(list.replaceAll(/ \(default\)/g, '').split(', '), [...LOG_LEVELS])
  }
})
