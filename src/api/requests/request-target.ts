/** The target of a request line, taken apart: version prefix, decoded path, query. */

export interface RequestTarget {
  /** As in the prefix `/v1.44`; undefined without one. */
  readonly version: string | undefined;
  /** Decoded, without the prefix. */
  readonly path: string;
  /** Not decoded, without the question mark. */
  readonly query: string;
  /** Where the path is not in its shortest form: the target to ask for instead. */
  readonly redirect: string | undefined;
}

/** undefined where the path has wrong escapes. */
export function parseTarget(text: string): RequestTarget | undefined {
  const local = text.startsWith('/') ? text : text.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  const mark = local.indexOf('?');
  const encoded = mark < 0 ? local : local.slice(0, mark);
  const query = mark < 0 ? '' : local.slice(mark + 1);
  const whole = decodePath(encoded);
  if (whole === undefined) return undefined;
  const clean = cleanPath(whole);
  const redirect = clean === whole ? undefined : `${encodeURI(clean)}${mark < 0 ? '' : `?${query}`}`;
  const [, version, path = whole] = /^\/v([0-9.]+)(\/.*)$/s.exec(whole) ?? [];
  return { version, path, query, redirect };
}

function decodePath(text: string): string | undefined {
  if (!text.includes('%')) return text;
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    // Escapes that are no UTF-8 name nothing we have.
    return text.replaceAll('%', '\ufffd');
  }
}

/** The path without `//`, `/./` and `/../`; a slash at the end stays. */
function cleanPath(path: string): string {
  if (path.startsWith('/') && !path.includes('//') && !path.includes('/.')) return path;
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  const clean = `/${steps.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}
