import { networkInterfaces } from 'node:os'

const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::'])

/** Whether it is an address of this machine; they are asked for anew because they change. */
export const isLocalAddress = (address: string): boolean =>
  LOOPBACK.has(address.toLowerCase()) ||
  address.startsWith('127.') ||
  Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === address))
