/** What is wrong with a server's certificate, in the words of Go's `crypto/x509` and in its order: times, then names, then who signed it. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** Undefined when times and names are right, so that it is the authority that is unknown. @param host name or address that was asked for */
export function certificateFault(certificate: X509Certificate, host: string, now: Date = new Date()): string | undefined {
  const [from, to] = [certificate.validFromDate, certificate.validToDate];
  const late = 'certificate has expired or is not yet valid: current time';
  if (now < from) return `${late} ${localTime(now)} is before ${utcTime(from)}`;
  if (now > to) return `${late} ${localTime(now)} is after ${utcTime(to)}`;
  const fits = isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host);
  return fits === undefined ? wrongName(certificate, host) : undefined;
}

/** `certificate is valid for localhost, not 127.0.0.1`. */
function wrongName({ subjectAltName, subject }: X509Certificate, host: string): string {
  if (subjectAltName === undefined) {
    const commonName = /^CN=(.*)$/m.exec(subject)?.[1];
    if (commonName === host) return 'certificate relies on legacy Common Name field, use SANs instead';
  }
  const names = (subjectAltName ?? '').split(', ');
  const of = (prefix: string): string[] => names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  const valid = isIP(host) === 0 ? of('DNS:') : of('IP Address:');
  if (valid.length > 0) return `certificate is valid for ${valid.join(', ')}, not ${host}`;
  return isIP(host) === 0 ? `certificate is not valid for any names, but wanted to match ${host}` : `cannot validate certificate for ${host} because it doesn't contain any IP SANs`;
}

function utcTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

/** As Go prints a time of this machine. */
function localTime(time: Date): string {
  const offset = -time.getTimezoneOffset();
  if (offset === 0) return utcTime(time);
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0');
  const shifted = utcTime(new Date(time.getTime() + offset * 60_000)).slice(0, -1);
  return `${shifted}${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
}
