/** What the names of cgroup folders say: of which pod or container one is. Pure. */

/** A pod's folder. `before` and `after` are what stands around the UID: other pods beside it are named likewise. */
export interface PodName {
  /** As the folder spells it. */
  readonly spelling: string
  readonly before: string
  readonly after: string
  /** The folder is that of one container, whose runtime puts the pod into its name. */
  readonly containerId?: string
}

const MAX_NAME = 255
const UID = /^[0-9A-Za-z](?:[0-9A-Za-z_-]{0,126}[0-9A-Za-z])?$/
const UUID = /^[0-9a-f]{8}([_-])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i
/** cgroupfs driver. */
const PLAIN = /^(pod)([^.:]+)$/
/** systemd driver: a dash means "child of", so what is before the UID is the path; then, of some runtimes, the container. */
const SLICE = /^((?:.+?-)?kubepods(?:-burstable|-besteffort)?-pod)([^.:]+)(\.slice)(?::([^:]+):([0-9a-f]{64}))?$/
/** A bare id (cgroupfs), or one with the runtime before it; sandboxes have ids like any other container. */
const CONTAINER = /^(?:([a-z]+(?:-[a-z]+)*)-)?([0-9a-f]{64})(?:\.scope)?$/
const PODS = /^(?:.+-)?kubepods\.slice$/

/** Whether it can be a UID at all: one path component without dots, at most 128 characters. */
export const isPossibleUid = (uid: string): boolean => UID.test(uid)

/** The ways a UID is spelt in folder names: as it is, and with underscores for dashes. */
export const spellingsOf = (uid: string): string[] => [...new Set([uid, uid.replaceAll('-', '_')])]

/** Of a spelling the UID, where it is a UUID; anything else stays as it is. */
export const uidOfSpelling = (spelling: string): string =>
  UUID.test(spelling) ? spelling.replaceAll('_', '-') : spelling

/** Reads a folder name; undefined for one that is no pod's. */
export const podName = (name: string): PodName | undefined => {
  if (name.length > MAX_NAME) return undefined
  const [, before = '', spelling = '', after = '', , containerId] = PLAIN.exec(name) ?? SLICE.exec(name) ?? []
  if (!isPossibleUid(spelling)) return undefined
  return containerId === undefined ? { spelling, before, after } : { spelling, before, after, containerId }
}

/** The id of the container that a folder is named after; undefined for other folders and for those of conmon. */
export const containerIdOf = (name: string): string | undefined => {
  if (name.length > MAX_NAME) return undefined
  const [, runtime, id] = CONTAINER.exec(name) ?? []
  return runtime?.endsWith('conmon') ? undefined : (id ?? podName(name)?.containerId)
}

/** Whether a folder of this name holds the pods of a node: `kubepods`, `kubepods.slice`, `kubelet-kubepods.slice`. */
export const isPodsName = (name: string): boolean => name === 'kubepods' || PODS.test(name)
