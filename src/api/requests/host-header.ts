/** Whether a request names its host as Go's server wants it. */
import type { IncomingMessage } from 'node:http';

/** What RFC 3986 lets stand in a host and its port. */
const allowed = /^[A-Za-z0-9\-._~!$&'()*+,;=:%[\]]*$/;

/** The answer of Go's `net/http` to a host that is missing, named twice or malformed; undefined: it is none of these. */
export function hostFault({ headers, rawHeaders, httpVersion }: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'httpVersion'>): string | undefined {
  const { host } = headers;
  if (host === undefined) return httpVersion === '1.1' ? '400 Bad Request: missing required Host header' : undefined;
  const names = rawHeaders.filter((text, place) => place % 2 === 0 && text.toLowerCase() === 'host');
  if (names.length > 1) return '400 Bad Request: too many Host headers';
  return allowed.test(host) ? undefined : '400 Bad Request: malformed Host header';
}
