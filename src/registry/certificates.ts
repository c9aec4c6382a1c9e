/**
 * Authorities and client certificates of a registry, in Docker's `certs.d` layout: a directory per host (with port)
 * holding `*.crt` authorities and pairs of `*.cert` and `*.key`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { fail } from '#base/errors/failure.ts';
import type { TlsTrust } from './http-exchange.ts';

/** Where distributions keep the authorities an administrator trusts; the first that is there counts. */
const systemBundles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * What lies in the first of `directories` that knows the host, over what the system trusts.
 * @throws registry.invalid_parameter with Docker's text for half a pair
 */
export async function readTrust(directories: readonly string[], host: string): Promise<Omit<TlsTrust, 'insecure'>> {
  const system = await systemAuthorities();
  for (const parent of directories) {
    const directory = join(parent, host.replaceAll('/', ''));
    const names = await namesIn(directory);
    if (names === undefined) continue;
    checkPairs(names);
    const read = async (name: string): Promise<string> => await readFile(join(directory, name), 'utf8');
    const authorities = await Promise.all(names.filter((name) => name.endsWith('.crt')).map(read));
    const certificates = names.filter((name) => name.endsWith('.cert'));
    return {
      ca: [...system, ...authorities],
      ...(certificates.length === 0 ? {} : { cert: await Promise.all(certificates.map(read)), key: await Promise.all(certificates.map((name) => read(keyOf(name)))) }),
    };
  }
  return { ca: system };
}

function keyOf(certificate: string): string {
  return `${certificate.slice(0, -'.cert'.length)}.key`;
}

function checkPairs(names: readonly string[]): void {
  for (const name of names) {
    if (name.endsWith('.cert') && !names.includes(keyOf(name))) {
      throw fail('registry.invalid_parameter', { message: `missing key ${keyOf(name)} for client certificate ${name}. CA certificates must use the extension .crt` });
    }
    const certificate = `${name.slice(0, -'.key'.length)}.cert`;
    if (name.endsWith('.key') && !names.includes(certificate)) throw fail('registry.invalid_parameter', { message: `missing client certificate ${certificate} for key ${name}` });
  }
}

async function namesIn(directory: string): Promise<string[] | undefined> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The certificates of all authorities that this machine trusts. */
export async function systemAuthorities(): Promise<readonly string[]> {
  const named = process.env['SSL_CERT_FILE'];
  for (const path of named === undefined || named === '' ? systemBundles : [named]) {
    try {
      return [await readFile(path, 'utf8')];
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return rootCertificates;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
