import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyFits } from '../../support/asked.ts'

const QUERY = 'query Hero($id: ID) { hero(id: $id) { name } films { title } }'
const request = (query: string, rest = {}): string => JSON.stringify({ query, ...rest })
const asked = (rest = {}): unknown => ({ type: 'GRAPHQL', query: QUERY, ...rest })

test('a query is compared without what GraphQL ignores', () => {
  const same = 'query Hero($id: ID)\n{\n # who\n hero(id: $id), { name }\n films { title } }'
  assert.ok(bodyFits(asked(), request(same), 'application/json'))
  assert.ok(!bodyFits(asked(), request('{ hero { name } }')))
  assert.ok(!bodyFits(asked(), QUERY))
})

test('the name of the operation and the variables may be asked for', () => {
  const variablesSchema = { type: 'object', required: ['id'] }
  const both = asked({ operationName: 'He.*', variablesSchema })
  assert.ok(bodyFits(both, request(QUERY, { operationName: 'Hero', variables: { id: 1 } })))
  assert.ok(!bodyFits(both, request(QUERY, { operationName: 'Hero', variables: {} })))
  assert.ok(!bodyFits(both, request(QUERY, { operationName: 'Villain', variables: { id: 1 } })))
  assert.ok(!bodyFits(both, request(QUERY)))
})

test('just the fields at the top, or at least some, may be asked for', () => {
  const other = 'query Hero { films { year } hero { id } }'
  const exact = asked({ selectionSetMatchType: 'AST_EXACT' })
  assert.ok(bodyFits(exact, request(other)))
  assert.ok(!bodyFits(exact, request('query Hero { hero films ships }')))
  assert.ok(!bodyFits(exact, request('mutation Hero { hero films }')))
  const subset = asked({ selectionSetMatchType: 'AST_SUBSET', fields: ['ships'] })
  assert.ok(bodyFits(subset, request('query Hero { hero films ships }')))
  assert.ok(!bodyFits(subset, request(other)))
})

test('a query that is no GraphQL, or too deep, matches nothing', () => {
  const exact = asked({ selectionSetMatchType: 'AST_EXACT' })
  assert.ok(!bodyFits(exact, request('query Hero {')))
  assert.ok(!bodyFits(exact, request(`query Hero ${'{a'.repeat(100_000)}${'}'.repeat(100_000)}`)))
})

test('a query that a schema does not allow does not match', () => {
  const schema = 'type Query { hero(id: Int): Hero other: String } type Hero { name: String }'
  const asked = { type: 'GRAPHQL', query: '{ hero { name } }', selectionSetMatchType: 'AST_SUBSET', schema }
  const asks = (query: string): boolean => bodyFits(asked, JSON.stringify({ query }))
  assert.ok(asks('{ hero { name } other }'))
  assert.ok(asks('{ hero(id: 1) { name } }'))
  assert.ok(!asks('{ hero { name } nothing }'))
  assert.ok(!asks('{ hero(id: "a") { name } }'))
  assert.ok(!asks('{ hero { age } }'))
})
