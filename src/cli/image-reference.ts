/** Names of images as users write them, by the rules of the distribution reference grammar. */

export interface ImageReference {
  /** As shown: `busybox`, `localhost:5000/team/app`. */
  readonly name: string;
  readonly domain: string;
  /** Empty: none was given. */
  readonly tag: string;
  /** `sha256:…`; empty: none was given. */
  readonly digest: string;
}

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${domainPart}(?:\\.${domainPart})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const grammar = new RegExp(`^(?:(${domain})/)?(${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`);

/** @throws Error with Docker's texts */
export function parseImageReference(text: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(text)) throw new Error(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const { domain: host, rest } = splitDomain(text);
  const path = (rest.split('@', 1)[0] ?? '').replace(/:[^/]*$/, '');
  if (path.toLowerCase() !== path) throw new Error(`invalid reference format: repository name (${path}) must be lowercase`);
  const match = grammar.exec(`${host}/${rest}`);
  if (match === null) throw new Error('invalid reference format');
  const [, , repository = '', tag = '', digest = ''] = match;
  if (repository.length > 255) throw new Error('repository name must not be more than 255 characters');
  const isOfHub = host === 'docker.io';
  return { name: isOfHub ? repository.replace(/^library\//, '') : `${host}/${repository}`, domain: host, tag, digest };
}

/** Whether it is an image's id rather than a name. */
export function isImageIdentifier(text: string): boolean {
  return /^[a-f0-9]{64}$/.test(text) || /^sha256:[a-f0-9]{64}$/.test(text);
}

/** With the tag that is meant when none is given. */
export function completeReference(reference: ImageReference): ImageReference {
  return reference.tag === '' && reference.digest === '' ? { ...reference, tag: 'latest' } : reference;
}

/** The whole name, with its registry: `docker.io/library/busybox`. */
export function fullName({ domain: host, name }: ImageReference): string {
  if (host !== 'docker.io') return name;
  return name.includes('/') ? `docker.io/${name}` : `docker.io/library/${name}`;
}

/** As shown: `busybox:latest`, `busybox@sha256:…`. */
export function referenceText(reference: ImageReference): string {
  return `${reference.name}${reference.tag === '' ? '' : `:${reference.tag}`}${reference.digest === '' ? '' : `@${reference.digest}`}`;
}

/** The first part is a registry only if it looks like a host. */
function splitDomain(text: string): { domain: string; rest: string } {
  const cut = text.indexOf('/');
  const first = cut < 0 ? '' : text.slice(0, cut);
  if (first === '' || (!/[.:]/.test(first) && first !== 'localhost' && first.toLowerCase() === first)) return { domain: 'docker.io', rest: text.includes('/') ? text : `library/${text}` };
  const host = first === 'index.docker.io' ? 'docker.io' : first;
  const rest = text.slice(cut + 1);
  return { domain: host, rest: host === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}
