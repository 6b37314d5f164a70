/** GraphQL requests and JSON-RPC calls. */
import type { Draw } from '../draw.ts'
import type { Area } from '../exchange.ts'
import { plainRequest, type Sent, tried } from '../near.ts'

const QUERIES = [
  '{ hero { name } }',
  '{hero{name}}',
  'query { hero { name } }',
  'query Q { hero { name } }',
  '{ hero { name age } }',
  '{ hero { name }\n}',
  '{ villain { name } }',
  'mutation M { save(id: 1) { id } }',
  'query Q($id: ID) { hero(id: $id) { name } }',
  '{ hero { name } villain { name } }',
]

const json = (value: unknown): Sent => ({
  ...plainRequest,
  method: 'POST',
  body: JSON.stringify(value),
  contentType: 'application/json',
})

export const bodyGraphql: Area = {
  name: 'body-graphql',
  make: (from) => {
    const compare = from.pick([undefined, undefined, 'NORMALISED_STRING', 'AST_EXACT', 'AST_SUBSET'])
    const asked = {
      query: from.pick(QUERIES),
      ...(from.chance(3) && !compare?.startsWith('AST') ? { operationName: from.pick(['Q', 'M', '[QM]', 'X']) } : {}),
      ...(from.chance(2) ? { variablesSchema: { type: 'object', required: ['id'] } } : {}),
      ...(compare === undefined ? {} : { selectionSetMatchType: compare }),
    }
    const request = (query: string): Sent =>
      json({
        query,
        ...(from.chance(4) ? { operationName: from.pick(['Q', 'M']) } : {}),
        ...(from.chance(4) ? { variables: from.pick([{ id: 1 }, {}]) } : {}),
      })
    return tried({ body: { type: 'GRAPHQL', ...asked } }, [
      request(asked.query),
      ...Array.from({ length: 7 }, () => request(from.pick(QUERIES))),
    ])
  },
}

const rpcCall = (from: Draw): unknown => ({
  jsonrpc: from.pick(['2.0', '2.0', '2.0', '1.0']),
  method: from.pick(['tools/list', 'tools/call', 'ping']),
  ...(from.chance(5) ? { params: from.pick([{ name: 'x' }, {}, [1]]) } : {}),
  ...(from.chance(7) ? { id: 1 } : {}),
})

export const bodyJsonRpc: Area = {
  name: 'body-json-rpc',
  make: (from) => {
    const asked = {
      method: from.pick(['tools/list', 'tools/.*', 'ping', '.*', 'PING']),
      ...(from.chance(3) ? { paramsSchema: { type: 'object', required: ['name'] } } : {}),
    }
    const requests = Array.from({ length: 8 }, () =>
      json(from.chance(2) ? [rpcCall(from), rpcCall(from)] : rpcCall(from)),
    )
    return tried({ body: { type: 'JSON_RPC', ...asked } }, requests)
  },
}
