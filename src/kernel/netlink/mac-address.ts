/** Hardware addresses as bytes and as text with colons. */
import { randomBytes } from 'node:crypto';

export function macBytes(address: string): Buffer {
  return Buffer.from(address.replaceAll(/[:.-]/g, ''), 'hex');
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** A random unicast address with the "locally administered" bit, as IEEE 802 leaves free for such use. */
export function randomMacAddress(): string {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return macText(bytes);
}
