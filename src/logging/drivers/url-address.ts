/** Addresses of log servers, read and refused as Go's `net/url` does. */
import { quoteText } from '#base/template/go-quote.ts';
import { refuse } from './refuse.ts';

export interface UrlAddress {
  readonly scheme: string;
  /** Host and port as written. */
  readonly host: string;
  readonly hostname: string;
  /** Empty: none. */
  readonly port: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/** @throws logging.driver_refused */
export function parseUrl(text: string): UrlAddress {
  const invalid = (reason: string): Error => refuse(`parse ${quoteText(text)}: ${reason}`);
  const [beforeFragment = '', fragment = ''] = splitAt(text, '#');
  const [main = '', query = ''] = splitAt(beforeFragment, '?');
  const match = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/]*))?(.*)$/s.exec(main);
  const [, scheme = '', host = '', path = ''] = match ?? [];
  if (scheme === '' && main.startsWith(':')) throw invalid('missing protocol scheme');
  if (scheme === '' && host === '' && /^[^/]*:/.test(main)) throw invalid('first path segment in URL cannot contain colon');
  const place = /^(\[[^\]]*\]|[^:]*)(.*)$/s.exec(host);
  const [, name = '', rest = ''] = place ?? [];
  if (rest !== '' && !/^:\d*$/.test(rest)) throw invalid(`invalid port ${quoteText(rest)} after host`);
  return { scheme: scheme.toLowerCase(), host, hostname: name.replace(/^\[|\]$/g, ''), port: rest.slice(1), path, query, fragment };
}

function splitAt(text: string, mark: string): [before: string, after: string] {
  const place = text.indexOf(mark);
  return place === -1 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}
