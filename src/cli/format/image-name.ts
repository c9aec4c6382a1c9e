/** Names of images as lists show them: without Docker Hub's domain and its `library/`. */

export interface ImageName {
  /** `busybox`, `ghcr.io/owner/name`. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const pathComponent = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const domain = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?|\\[[a-fA-F0-9:]+\\](?::[0-9]+)?';
const whole = new RegExp(`^((?:(?:${domain})/)?${pathComponent}(?:/${pathComponent})*)(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$`);

/** The parts of a reference; undefined if it is none, or an image's id. */
export function parseImageName(reference: string): ImageName | undefined {
  if (/^[a-f0-9]{64}$/.test(reference)) return undefined;
  const [, full, tag, digest] = whole.exec(reference) ?? [];
  return full === undefined ? undefined : { name: familiar(full), tag, digest };
}

function familiar(full: string): string {
  const name = full.replace(/^(?:index\.)?docker\.io\//, '');
  return name === full || name.includes('/') && !/^library\/[^/]+$/.test(name) ? name : name.replace(/^library\//, '');
}
