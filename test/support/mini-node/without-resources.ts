/** Takes linux.resources out of the runtime specification whose path is the argument; see runtime-config.ts. */
import { readFileSync, writeFileSync } from 'node:fs'

const path = process.argv[2] ?? ''
const specification = JSON.parse(readFileSync(path, 'utf8')) as { linux?: { resources?: unknown } }
delete specification.linux?.resources
writeFileSync(path, JSON.stringify(specification))
