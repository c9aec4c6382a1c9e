/** What the daemon's TCP addresses show to clients, and what they ask of them. */
import { createSecureContext } from 'node:tls';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, messageOf } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { OptionValues } from './option-sources.ts';

/** PEM texts. */
export interface TlsOptions {
  readonly certificate: string;
  readonly key: string;
  /** The authority of clients' certificates; undefined: clients need none. */
  readonly clientAuthority: string | undefined;
}

/**
 * TLS is on with `tls`, and with `tlsverify` whatever it says, as in dockerd.
 * @param directory where the files are that are not named
 * @throws daemon.invalid_option with dockerd's texts
 */
export function readTlsOptions(values: OptionValues, directory: string): TlsOptions | undefined {
  const verify = values.flag('tlsverify');
  const mentioned = values.given('tlsverify').length > 0 || values.fromFile('tlsverify') !== undefined;
  if (!values.flag('tls') && !mentioned) return undefined;
  const [certificatePath, keyPath] = [values.text('tlscert') ?? join(directory, 'cert.pem'), values.text('tlskey') ?? join(directory, 'key.pem')];
  const pair = (reason: string): Error => invalid(`Could not load X509 key pair (cert: ${quoteText(certificatePath)}, key: ${quoteText(keyPath)}): ${reason}`);
  const certificate = read(certificatePath, pair);
  const key = read(keyPath, pair);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw pair(reasonOf(error));
  }
  return { certificate, key, clientAuthority: verify ? authority(values.text('tlscacert') ?? join(directory, 'ca.pem')) : undefined };
}

function authority(path: string): string {
  const text = read(path, (reason) => invalid(`could not read CA certificate ${quoteText(path)}: ${reason}`));
  const refuse = (): Error => invalid(`failed to append certificates from PEM file: ${quoteText(path)}`);
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw refuse();
  try {
    createSecureContext({ ca: text });
  } catch {
    throw refuse();
  }
  return text;
}

function read(path: string, refuse: (reason: string) => Error): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    throw refuse(`open ${path}: ${code === 'ENOENT' ? 'no such file or directory' : code === 'EACCES' ? 'permission denied' : messageOf(error)}`);
  }
}

/** OpenSSL's words for what Go's crypto/tls finds, in Go's where they are usual. */
function reasonOf(error: unknown): string {
  const text = messageOf(error);
  if (text.includes('key values mismatch')) return 'tls: private key does not match public key';
  if (text.includes('no start line')) return 'tls: failed to find any PEM data in certificate or key input';
  return text;
}

function invalid(message: string): Error {
  return fail('daemon.invalid_option', { message: `invalid TLS configuration: ${message}` });
}
