/** What stood in the way of a connection, in the words of Go's net and crypto/tls where those are what Docker's users know. */

const alerts: Readonly<Record<string, string>> = {
  40: 'handshake failure', 42: 'bad certificate', 43: 'unsupported certificate', 44: 'revoked certificate', 45: 'expired certificate', 46: 'unknown certificate',
  48: 'unknown certificate authority', 49: 'access denied', 51: 'error decrypting message', 70: 'protocol version not supported', 80: 'internal error', 116: 'certificate required',
};

const unknownAuthority: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** @param host that was asked for */
export function networkErrorText(error: unknown, host: string): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  const unverified = (reason: string): string => `tls: failed to verify certificate: x509: ${reason}`;
  if (unknownAuthority.has(code)) return unverified('certificate signed by unknown authority');
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return unverified('certificate has expired or is not yet valid');
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return unverified(namesText(error, host));
  const alert = /SSL alert number (\d+)/.exec(error.message)?.[1];
  if (alert !== undefined) return `remote error: tls: ${alerts[alert] ?? `alert(${alert})`}`;
  if (error.message.includes('wrong version number')) return 'http: server gave HTTP response to HTTPS client';
  return code === 'ENOTFOUND' ? `dial tcp: lookup ${host}: no such host` : error.message;
}

/** Which names the certificate has, and that ours is none of them. */
function namesText(error: Error, host: string): string {
  const listed = 'cert' in error && typeof error.cert === 'object' && error.cert !== null && 'subjectaltname' in error.cert ? String(error.cert.subjectaltname) : '';
  const isAddress = /^[\d.]+$|:/.test(host);
  const names = listed.split(', ').flatMap((entry) => (isAddress ? /^IP Address:(.+)$/ : /^DNS:(.+)$/).exec(entry)?.[1] ?? []);
  if (names.length > 0) return `certificate is valid for ${names.join(', ')}, not ${host}`;
  return isAddress ? `cannot validate certificate for ${host} because it doesn't contain any IP SANs` : `certificate is not valid for any names, but wanted to match ${host}`;
}
