/** `WWW-Authenticate` challenges (RFC 9110, 11.6.1): schemes with their parameters. */

export interface Challenge {
  /** Lower case. */
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const parameter = /([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*,?\s*/y;
const scheme = /\s*,?\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s+|\s*,|$)/y;

export function parseChallenges(header: string | undefined): Challenge[] {
  const text = header ?? '';
  const challenges: Challenge[] = [];
  let at = 0;
  while (at < text.length) {
    scheme.lastIndex = at;
    const name = scheme.exec(text);
    if (name === null) break;
    at = scheme.lastIndex;
    const parameters = new Map<string, string>();
    for (;;) {
      parameter.lastIndex = at;
      const match = parameter.exec(text);
      if (match === null) break;
      at = parameter.lastIndex;
      parameters.set((match[1] ?? '').toLowerCase(), match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '');
    }
    challenges.push({ scheme: (name[1] ?? '').toLowerCase(), parameters });
  }
  return challenges;
}
