/** An API client whose answers a test gives, call by call. */
import type { ApiCall, ApiClient, ApiSink } from '../../src/workloads/kubernetes/api-client.ts'
import { failureOf, statusFailure } from '../../src/workloads/kubernetes/explain-failure.ts'
import type { ApiFailure } from '../../src/workloads/kubernetes/failure.ts'
import { settle } from './quick-clock.ts'

export interface ScriptedCall {
  readonly call: ApiCall
  /** Hands this over as a good answer, or a part of one. */
  send(value: unknown): Promise<void>
  /** The answer is complete. */
  end(): Promise<void>
  fail(failure: Partial<ApiFailure>): Promise<void>
}

export interface ScriptedApi {
  readonly client: ApiClient
  /** Calls that have been made, those that are over too. */
  readonly calls: ApiCall[]
  /** The only call that is open. */
  open(): ScriptedCall
  readonly isIdle: boolean
}

const WHERE = { server: 'http://api', tokenFile: '', caFile: '' }

export const createScriptedApi = (): ScriptedApi => {
  const calls: ApiCall[] = []
  let current: { readonly call: ApiCall; readonly sink: ApiSink } | undefined

  const finish = (sink: ApiSink, failure?: ApiFailure): void => {
    if (current?.sink !== sink) return
    current = undefined
    sink.done(failure)
  }
  return {
    calls,
    client: {
      open: (call, sink) => {
        if (current) throw new Error('a call is open already')
        calls.push(call)
        current = { call, sink }
        return {
          abort: (failure) => finish(sink, failure),
          failure: (kind, what) => failureOf(kind, what, call, WHERE),
          statusFailure: (code, status) => statusFailure(code, status, undefined, 0, call, WHERE),
        }
      },
      close: async () => undefined,
    },
    open: () => {
      if (!current) throw new Error('no call is open')
      const { call, sink } = current
      return {
        call,
        send: async (value) => {
          sink.begin()
          sink.data(Buffer.from(typeof value === 'string' ? value : `${JSON.stringify(value)}\n`))
          await settle()
        },
        end: async () => {
          finish(sink)
          await settle()
        },
        fail: async (failure) => {
          finish(sink, { kind: 'network', message: 'gone', ...failure })
          await settle()
        },
      }
    },
    get isIdle() {
      return current === undefined
    },
  }
}
