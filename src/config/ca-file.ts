/** Certificates of issuers that are trusted beside Node's own. */
import { X509Certificate } from 'node:crypto'
import { UnderstudyError } from '../errors.ts'
import { readTextFile } from './document.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/**
 * The certificates of a PEM file, as text; empty where no file is named. Throws FILE_UNREADABLE, or BAD_CONFIG where it holds
 * none or one that cannot be read.
 */
export const loadCaFile = (path: string): string => {
  if (path === '') return ''
  const found = readTextFile(path).match(CERTIFICATE) ?? []
  const remedy = 'Give the certificate of the issuer as PEM: -----BEGIN CERTIFICATE----- and so on.'
  if (found.length === 0)
    throw new UnderstudyError('BAD_CONFIG', `upstreamTlsCaFile: ${path} has no certificate`, { remedy })
  try {
    for (const one of found) new X509Certificate(one)
  } catch (cause) {
    throw new UnderstudyError('BAD_CONFIG', `upstreamTlsCaFile: ${path} has a certificate that cannot be read`, {
      remedy,
      cause,
    })
  }
  return found.join('\n')
}
