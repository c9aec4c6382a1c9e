/** Checks of single values of list flags, with Docker's texts. */
import { isIP, isIPv4 } from 'node:net';
import { quoteText } from '#base/template/go-quote.ts';

/** Whether Go reads it as an address: no zones. */
function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes('%');
}

/** An address, normalised. */
export function validateAddress(text: string): string {
  const address = text.trim();
  if (!isAddress(address)) throw new Error(`IP address is not correctly formatted: ${text}`);
  if (isIPv4(address)) return address;
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [Number.parseInt(mapped[1] ?? '0', 16), Number.parseInt(mapped[2] ?? '0', 16)];
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** `host:address` or `host=address`, in the API's form. */
export function validateExtraHost(text: string): string {
  const separator = text.includes('=') ? '=' : ':';
  const cut = text.indexOf(separator);
  const host = text.slice(0, Math.max(cut, 0));
  if (cut <= 0 || host.includes(':')) throw new Error(`bad format for add-host: ${quoteText(text)}`);
  let address = text.slice(cut + 1);
  if (address !== 'host-gateway') {
    if (/^\[.+\]$/s.test(address)) address = address.slice(1, -1);
    if (!isAddress(address.trim())) throw new Error(`invalid IP address in add-host: ${quoteText(address)}`);
  }
  return `${host}:${address}`;
}

const domain = /^(:?(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))(:?\.(:?[a-zA-Z0-9]|(:?[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])))*)\.?\s*$/;

/** A domain to search, or `.`. */
export function validateSearchDomain(text: string): string {
  const trimmed = text.replace(/^ +| +$/g, '');
  if (trimmed === '.') return trimmed;
  const name = domain.exec(trimmed)?.[1];
  if (!/[a-zA-Z]/.test(trimmed) || name === undefined || name.length >= 255) throw new Error(`${trimmed} is not a valid domain`);
  return name;
}

export function validateLabel(text: string): string {
  const key = (text.split('=', 1)[0] ?? '').replace(/^[ \t]+/, '');
  if (key === '') throw new Error(`invalid label '${text}': empty name`);
  if (/[ \t]/.test(key)) throw new Error(`label '${key}' contains whitespaces`);
  return text;
}

const sysctls = new Set(['kernel.msgmax', 'kernel.msgmnb', 'kernel.msgmni', 'kernel.sem', 'kernel.shmall', 'kernel.shmmax', 'kernel.shmmni', 'kernel.shm_rmid_forced']);

export function validateSysctl(text: string): string {
  const cut = text.indexOf('=');
  const name = text.slice(0, Math.max(cut, 0));
  if (name !== '' && (sysctls.has(name) || name.startsWith('net.') || name.startsWith('fs.mqueue.'))) return text;
  throw new Error(`sysctl '${text}' is not allowed`);
}

/** A variable; without `=` it takes its value from our own environment. */
export function validateVariable(text: string): string {
  const cut = text.indexOf('=');
  if (text === '' || cut === 0) throw new Error(`invalid environment variable: ${text}`);
  if (cut > 0) return text;
  const value = process.env[text];
  return value === undefined ? text : `${text}=${value}`;
}

export function validateLink(text: string): string {
  if (text === '') throw new Error('empty string specified for links');
  if (text.split(':').length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}

export function validateStreamName(text: string): string {
  const name = text.toLowerCase();
  if (name !== 'stdin' && name !== 'stdout' && name !== 'stderr') throw new Error('valid streams are STDIN, STDOUT and STDERR');
  return name;
}

export function validateDeviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) throw new Error(`invalid device cgroup format '${text}'`);
  return text;
}

/** Whether Go's net.ParseMAC takes it. */
export function isMacAddress(text: string): boolean {
  const trimmed = text.trim();
  return [6, 8, 20].some((bytes) =>
    new RegExp(`^[0-9a-f]{2}([:-])[0-9a-f]{2}(\\1[0-9a-f]{2}){${bytes - 2}}$`, 'i').test(trimmed) ||
    new RegExp(`^[0-9a-f]{4}(\\.[0-9a-f]{4}){${bytes / 2 - 1}}$`, 'i').test(trimmed));
}
