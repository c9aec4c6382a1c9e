/** TLS settings of log drivers, from files named by their options. */
import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { systemAuthorities } from '#registry/certificates.ts';
import { refuse } from './refuse.ts';

export interface TlsFiles {
  readonly ca: string | undefined;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly skipVerify: boolean;
  readonly serverName?: string | undefined;
}

/** The authorities of this machine. */
export async function systemTrust(): Promise<ConnectionOptions> {
  return { ca: [...(await systemAuthorities())] };
}

/** @throws logging.driver_refused with Docker's text for a file that cannot be read */
export function tlsOptions(files: TlsFiles): ConnectionOptions {
  const read = (path: string, failed: (reason: string) => string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw refuse(failed(`open ${path}: ${error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'no such file or directory' : String(error)}`));
    }
  };
  const given = (text: string | undefined): text is string => text !== undefined && text !== '';
  const keyPair = (reason: string): string => `could not load X509 key pair: ${reason}. Make sure the key is not encrypted`;
  return {
    ...(given(files.ca) && { ca: read(files.ca, (reason) => `could not read CA certificate "${files.ca}": ${reason}`) }),
    ...(given(files.certificate) && { cert: read(files.certificate, keyPair) }),
    ...(given(files.key) && { key: read(files.key, keyPair) }),
    ...(given(files.serverName) && { servername: files.serverName }),
    rejectUnauthorized: !files.skipVerify,
  };
}
