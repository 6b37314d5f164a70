/**
 * Marks and routing tables of tproxy, and the `ip` commands that make and remove them. Pure.
 *
 * The marks 0x3050 to 0x305f have no bit of the masks others work with (kube-proxy 0x4000 and 0x8000, Cilium 0x0f00 and
 * the upper half, Calico the upper half, Tailscale 0xff0000, AWS 0x80) and are not Istio's 0x539 under its mask 0xfff; the
 * tables have the same numbers (12368 to 12383).
 */
export interface Slot {
  readonly mark: number
  readonly table: number
  /** Of the rule: before whatever else looks at marks or sources, behind the local table (ip-rule(8)). */
  readonly preference: number
}

/** So many runs may use tproxy in one namespace at once. */
export const SLOTS = 16
const FIRST = 0x3050
/** `value/mask` of all the marks together. */
export const ANY_MARK = { value: FIRST, mask: 0xffff_fff0 } as const
const FIRST_PREFERENCE = 50

export const slotAt = (index: number): Slot => ({
  mark: FIRST + index,
  table: FIRST + index,
  preference: FIRST_PREFERENCE + index,
})

const rule = ({ mark, table, preference }: Slot): string => `pref ${preference} fwmark ${mark} lookup ${table}`

type Families = readonly (4 | 6)[]

/** Somebody else's rule with our mark, or routes in our table, say that the slot is taken: exit status TAKEN. */
export const TAKEN = 3

/** Shell commands that claim a slot; what fails in between leaves nothing of it. */
export const addRouting = (slot: Slot, families: Families): string => {
  const undo = (before: Families): string => before.map((family) => `ip -${family} rule del ${rule(slot)};`).join(' ')
  return families
    .flatMap((family, i) => [
      `ip -${family} rule add ${rule(slot)} || { ${undo(families.slice(0, i))} exit ${TAKEN}; }`,
    ])
    .concat(families.map((family) => `ip -${family} route add local default dev lo table ${slot.table}`))
    .join('\n')
}

/** Shell commands that remove what addRouting has made, as far as it is there. */
export const removeRouting = (slot: Slot): string =>
  ([4, 6] as const)
    .flatMap((family) => [
      `ip -${family} route del local default dev lo table ${slot.table} 2>/dev/null`,
      `ip -${family} rule del ${rule(slot)} 2>/dev/null && echo "ip -${family} rule fwmark ${slot.mark}"`,
    ])
    .join('\n')

/** Whether a slot is in use, by what `ip rule show` and `ip route show table all` print of both families. */
export const isTaken = (slot: Slot, rulesShown: string, routesShown: string): boolean => {
  const mark = slot.mark.toString(16)
  return (
    new RegExp(`fwmark 0x${mark}(?![0-9a-f])`).test(rulesShown) ||
    new RegExp(`(lookup|table) ${slot.table}(?!\\d)`).test(`${rulesShown}\n${routesShown}`)
  )
}
