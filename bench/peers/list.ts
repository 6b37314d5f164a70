/** Who is compared with whom. A new peer is a file beside this one and a line here. */
import { mockServer } from './mockserver.ts'
import { mockttp, mockttpRecording } from './mockttp.ts'
import { mountebank } from './mountebank.ts'
import type { Peer } from './peer.ts'
import { talkative } from './understudy.ts'
import { wireMock, wireMockWithJournal } from './wiremock.ts'

/** Each as quick as its settings make it: what it need not keep it does not keep. MockServer and we always keep. */
export const PEERS: readonly Peer[] = [mockServer, wireMock, mockttp, mountebank]

/** The same with what they keep when asked to, and ourselves with a line of log per exchange; in the first case only. */
export const VARIANTS: readonly Peer[] = [wireMockWithJournal, mockttpRecording, talkative]
