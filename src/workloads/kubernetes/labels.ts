/** The labels of a pod or a namespace, as far as Kubernetes allows such. */

export const LABEL_LIMITS = { labels: 256, keyCharacters: 317, valueCharacters: 63 } as const

/** `name`, or `prefix.example/name`. Nothing else is a label key, `__proto__` for one. */
const KEY = /^(?:[a-z0-9][a-z0-9.-]{0,252}\/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/

/** Those that are valid, the first ones if there are too many. Never throws. */
export const labelsOf = (labels: unknown): Readonly<Record<string, string>> => {
  if (typeof labels !== 'object' || labels === null) return {}
  const kept = new Map<string, string>()
  for (const key in labels) {
    if (kept.size >= LABEL_LIMITS.labels) break
    const value: unknown = Reflect.get(labels, key)
    const isFine = typeof value === 'string' && value.length <= LABEL_LIMITS.valueCharacters
    if (isFine && key.length <= LABEL_LIMITS.keyCharacters && KEY.test(key)) kept.set(key, value)
  }
  return Object.fromEntries(kept)
}
