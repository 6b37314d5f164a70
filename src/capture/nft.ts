/** NAT by nftables: a table of our own that the kernel drops with us. */
import { type Capture, refused } from './capture.ts'
import { forgetTranslated } from './forget.ts'
import { mustMatch } from './matched.ts'
import { checkNft, type NftOwner, startNftOwner } from './nft-owner.ts'
import { countedBy, nftRedirect, tableName } from './nft-rules.ts'

const MODE = 'nft'
/** Any port does for asking whether such rules are taken. */
const SOME_PORTS = { port4: 9, port6: 9 }

export const createNft = (): Capture => {
  let owner: NftOwner | undefined
  let forget = async (): Promise<void> => undefined
  return {
    name: MODE,
    isTransparent: false,
    check: async ({ netnsFd, ...options }) => {
      const said = await checkNft(netnsFd, nftRedirect({ ...options, ports: SOME_PORTS }))
      if (said !== undefined) throw refused(MODE, said)
    },
    start: async (target, ports, { knock, onLost }) => {
      owner = await startNftOwner({
        netnsFd: target.netnsFd,
        table: tableName(target.id),
        commands: nftRedirect({ ...target, ports }),
        mode: MODE,
        onLost,
      })
      forget = () => forgetTranslated(target.netnsFd, ports)
      const { list } = owner
      await mustMatch(MODE, knock, async () => countedBy(await list()))
    },
    stop: async () => {
      await owner?.stop()
      if (owner) await forget()
      owner = undefined
    },
  }
}
