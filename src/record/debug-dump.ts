/** JSON of a list that may be longer than anybody should be sent. Pure. */

const MAX_ENTRIES = 2000
const MAX_CHARS = 4 * 1024 * 1024

/** Cookies and the like, which JSON has no numbers for. */
const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? value.toString() : value)

/** `{"workloads":[…],"leftOut":n}`: as many as fit, in the order given, and how many did not. */
export const dumpText = (workloads: Iterable<object>): string => {
  const texts: string[] = []
  let chars = 0
  let leftOut = 0
  for (const workload of workloads) {
    const text = texts.length < MAX_ENTRIES && chars < MAX_CHARS ? JSON.stringify(workload, plain) : undefined
    if (text === undefined || chars + text.length > MAX_CHARS) {
      leftOut++
      continue
    }
    texts.push(text)
    chars += text.length
  }
  return `{"workloads":[${texts.join(',')}],"leftOut":${leftOut}}\n`
}
