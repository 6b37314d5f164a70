/** The OpenAPI document of the control API is about exactly the calls that exist, and says of them what is so. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import SwaggerParser from '@apidevtools/swagger-parser'
import { parse } from 'yaml'
import { CHANGEABLE } from '../../src/config/live-settings.ts'
import { ROUTES } from '../../src/control/routes.ts'

interface Operation {
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
}

const text = readFileSync(new URL('../../src/control/api.yaml', import.meta.url), 'utf8')
const document = parse(text) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, { readonly properties?: object }>> }
}

const described = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([method]) => method !== 'parameters')
    .map(([method, operation]) => ({ call: `${method.toUpperCase()} ${path}`, operation })),
)
const callsOf = (isMeant: (operation: Operation) => boolean): string[] =>
  described
    .filter(({ operation }) => isMeant(operation))
    .map(({ call }) => call)
    .sort()
const routesOf = (isMeant: (route: (typeof ROUTES)[number]) => boolean): string[] =>
  ROUTES.filter(isMeant)
    .map(({ method, path }) => `${method} ${path}`)
    .sort()

test('every call is described, and nothing else', () => {
  assert.deepEqual(
    callsOf(() => true),
    routesOf(() => true),
  )
})

test('no call is there twice', () => {
  assert.equal(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size, ROUTES.length)
})

test('it says which calls may be made without the prefix, and which without a token', () => {
  assert.deepEqual(
    callsOf(({ tags }) => tags?.includes('old too') ?? false),
    routesOf(({ isOldToo }) => isOldToo),
  )
  assert.deepEqual(
    callsOf(({ security }) => security?.length === 0),
    routesOf(({ isOpen }) => isOpen),
  )
})

test('it names the settings that may change', () => {
  const { properties = {} } = document.components.schemas['Changes'] ?? {}
  assert.deepEqual(Object.keys(properties), [...CHANGEABLE])
})

test('it is a valid OpenAPI document', async () => {
  await SwaggerParser.validate(parse(text))
})
