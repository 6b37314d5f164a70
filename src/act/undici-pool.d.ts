/** undici declares types for its front door only. */
declare module 'undici/lib/dispatcher/pool.js' {
  import { Pool } from 'undici'
  // biome-ignore lint/style/noDefaultExport: it is how that file exports it
  export default Pool
}
