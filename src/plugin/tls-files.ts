/** The files that a plugin's specification names for TLS. */
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { fail, messageOf } from '#base/errors/failure.ts';
import type { PluginAddress } from './find-plugin.ts';

export interface TlsFiles {
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized?: boolean;
}

/** Read for each request, so that certificates may be renewed. @throws plugin.specification_invalid with Docker's texts */
export function readTlsFiles(tls: PluginAddress['tls']): TlsFiles {
  // Whoever names no authority is served by those of the system.
  if (tls === undefined) return { rejectUnauthorized: true, ca: getCACertificates('system') };
  const { insecure, caFile, certFile, keyFile } = tls;
  return {
    rejectUnauthorized: !insecure,
    ...(!insecure && caFile !== '' && { ca: [...getCACertificates('system'), readAuthority(caFile)] }),
    ...((certFile !== '' || keyFile !== '') && { cert: readPair(certFile), key: readPair(keyFile) }),
  };
}

function readAuthority(path: string): string {
  const text = read(path, (reason) => `could not read CA certificate ${JSON.stringify(path)}: ${reason}`);
  try {
    new X509Certificate(text);
  } catch (error) {
    throw fail('plugin.specification_invalid', { reason: `failed to append certificates from PEM file: ${JSON.stringify(path)}` }, error);
  }
  return text;
}

function readPair(path: string): string {
  return read(path, (reason) => `Could not load X509 key pair: ${reason}`);
}

function read(path: string, words: (reason: string) => string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = /^\w+: ([^,]*),/.exec(messageOf(error))?.[1] ?? messageOf(error);
    throw fail('plugin.specification_invalid', { reason: words(`open ${path}: ${reason}`) }, error);
  }
}
