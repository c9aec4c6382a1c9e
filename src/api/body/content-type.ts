/** The check of a request's Content-Type, with the words of Go's `mime.ParseMediaType`. */
import { fail } from '#base/errors/failure.ts';

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/;

/** @throws api.malformed_content_type, api.unsupported_content_type */
export function requireJsonType(contentType: string): void {
  const malformed = (reason: string): Error => fail('api.malformed_content_type', { type: contentType, reason });
  const [base = ''] = contentType.split(';', 1);
  const mediaType = base.trim().toLowerCase();
  const [type] = token.exec(mediaType) ?? [''];
  if (type === '') throw malformed('no media type');
  let rest = mediaType.slice(type.length);
  if (rest !== '') {
    if (!rest.startsWith('/')) throw malformed('expected slash after first token');
    const [subtype] = token.exec(rest.slice(1)) ?? [''];
    if (subtype === '') throw malformed('expected token after slash');
    if (rest.length > subtype.length + 1) throw malformed('unexpected content after media subtype');
  }
  rest = contentType.slice(base.length);
  const names = new Set<string>();
  while (rest.trim() !== '') {
    const parameter = /^\s*;\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*=\s*("(?:[^"\\\r\n]|\\.)*"|[!#$%&'*+\-.^_`|~0-9A-Za-z]+)/.exec(rest);
    if (parameter === null) {
      if (/^\s*;\s*$/.test(rest)) break;
      throw malformed('invalid media parameter');
    }
    const name = (parameter[1] ?? '').toLowerCase();
    if (names.has(name)) throw malformed('duplicate parameter name');
    names.add(name);
    rest = rest.slice(parameter[0].length);
  }
  if (mediaType !== 'application/json') throw fail('api.unsupported_content_type', { type: contentType });
}
