/** The address an import names, read as Go's `url.Parse` reads it: with its words for what is no address. */
import { fail, type EngineError } from '#base/errors/failure.ts';

/** @param source without a scheme it is of HTTP. @throws image.invalid_address, image.unreachable_address */
export function sourceAddress(source: string): { url: URL; text: string } {
  const text = source.includes('://') ? source : `http://${source}`;
  const match = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#]*)(.*)$/.exec(text);
  if (match === null) throw invalid(text, text.startsWith(':') ? 'missing protocol scheme' : 'first path segment in URL cannot contain colon');
  const [, scheme = '', authority = '', rest = ''] = match;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const escape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(host) ?? /%(?![0-9a-fA-F]{2}).{0,2}/.exec(rest.replace(/[?#].*$/, ''));
  if (escape !== null) throw invalid(text, `invalid URL escape ${JSON.stringify(escape[0])}`);
  const character = /[\s"<>\\^`{|}]/.exec(host);
  if (character !== null) throw invalid(text, `invalid character ${JSON.stringify(character[0])} in host name`);
  const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)?$/.exec(host)?.[1] ?? '';
  if (!/^(?::\d*)?$/.test(port)) throw invalid(text, `invalid port ${JSON.stringify(port)} after host`);
  const name = scheme.toLowerCase();
  const shown = `${name}:${authority === '' && rest === '' ? '' : `//${authority}${rest.replaceAll(' ', '%20')}`}`;
  if (name !== 'http' && name !== 'https') throw unreachable(shown, `unsupported protocol scheme ${JSON.stringify(name)}`);
  if (host === '' || host === port || !URL.canParse(shown)) throw unreachable(shown, 'http: no Host in request URL');
  return { url: new URL(shown), text: shown };
}

function invalid(text: string, reason: string): EngineError {
  return fail('image.invalid_address', { message: `parse ${JSON.stringify(text)}: ${reason}` });
}

function unreachable(text: string, reason: string): EngineError {
  return fail('image.unreachable_address', { message: `Get ${JSON.stringify(text)}: ${reason}` });
}
