/** What is wrong between the ends of a TLS connection, in the words of Go's `crypto/tls`. */
import { X509Certificate } from 'node:crypto';
import { certificateFault } from './certificate-words.ts';

const certificateWords: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate signed by unknown authority',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate signed by unknown authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate signed by unknown authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate signed by unknown authority',
  CERT_HAS_EXPIRED: 'certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'certificate has expired or is not yet valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate is not valid for the name of the server',
};

/** Undefined: it is not TLS that failed. @param certificate of the server, where it is known @param host name or address that was asked for */
export function tlsFaultWords(error: unknown, host: string, certificate?: X509Certificate): string | undefined {
  const code = codeOf(error);
  if (/^ERR_SSL_(TLSV13|TLSV1|SSLV3)_ALERT_/.test(code)) return `remote error: tls: ${alertWords(code)}`;
  const fault = certificateWords[code];
  if (fault === undefined) return undefined;
  const shown = certificate ?? certificateOf(error);
  return `tls: failed to verify certificate: x509: ${(shown === undefined ? undefined : certificateFault(shown, host)) ?? fault}`;
}

/** The certificate that has another name, which such an error brings along. */
function certificateOf(error: unknown): X509Certificate | undefined {
  const told: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'cert') : undefined;
  const raw: unknown = typeof told === 'object' && told !== null ? Reflect.get(told, 'raw') : undefined;
  return raw instanceof Uint8Array ? new X509Certificate(raw) : undefined;
}

function alertWords(code: string): string {
  const words = code.replace(/^ERR_SSL_(TLSV13|TLSV1|SSLV3)_ALERT_/, '').toLowerCase().replaceAll('_', ' ');
  const inGo: Readonly<Record<string, string>> = { 'certificate unknown': 'unknown certificate', 'unknown ca': 'unknown certificate authority' };
  return inGo[words] ?? words;
}

function codeOf(error: unknown): string {
  const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : '';
}
