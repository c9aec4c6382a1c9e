/** Versions of the Engine API, as the path's prefix gives them. */
import { fail } from '#base/errors/failure.ts';

/** A version the engine serves. All of them are 1.x. */
export class ApiVersion {
  readonly minor: number;

  constructor(minor: number) {
    this.minor = minor;
  }

  atLeast(minor: number): boolean {
    return this.minor >= minor;
  }
}

/** Compares dotted numbers as Docker does: what is missing or no number counts as 0. */
export function compareVersions(left: string, right: string): number {
  const [lefts, rights] = [left.split('.'), right.split('.')];
  for (let place = 0; place < Math.max(lefts.length, rights.length); place++) {
    const difference = Number(lefts[place] ?? 0) - Number(rights[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Makes the check of a prefix. @returns a function that throws api.version_too_old or api.version_too_new */
export function versionCheck(range: { readonly minimum: string; readonly maximum: string }): (text: string | undefined) => ApiVersion {
  const known = new Map<string, ApiVersion>();
  const [, newestMinor = '0'] = range.maximum.split('.');
  const newest = new ApiVersion(Number(newestMinor));
  for (let minor = Number(range.minimum.split('.')[1] ?? 0); minor <= newest.minor; minor++) known.set(`1.${minor}`, new ApiVersion(minor));
  return (text) => {
    if (text === undefined) return newest;
    const version = known.get(text);
    if (version !== undefined) return version;
    if (compareVersions(text, range.minimum) < 0) throw fail('api.version_too_old', { version: text, minimum: range.minimum });
    if (compareVersions(text, range.maximum) > 0) throw fail('api.version_too_new', { version: text, maximum: range.maximum });
    // An odd spelling of a served version, such as 1.44.0.
    return new ApiVersion(Number(text.split('.')[1] ?? 0));
  };
}
