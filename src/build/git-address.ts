/**
 * Addresses of Git repositories as contexts and ADD take them: `https://host/path.git#ref:directory`,
 * `https://host/path.git?branch=…&subdir=…`, `git@host:path`, `ssh://…`, `git://…` (Dockerfile reference, "ADD <git repo>").
 */
import { parseGoBoolean } from '#base/go-boolean.ts';

export interface GitAddress {
  /** What git is given. */
  readonly remote: string;
  /** Branch, tag or commit; empty: the repository's own branch. */
  readonly ref: string;
  /** Directory of the repository; empty: all of it. */
  readonly directory: string;
  /** Beginning of the commit's name that it must have; empty: any. */
  readonly checksum: string;
  /** Undefined: not said. */
  readonly keepDirectory: boolean | undefined;
  readonly submodules: boolean;
  /** Without a scheme, as `github.com/…`: only contexts may be written so. */
  readonly bare: boolean;
}

const copyStyle = /^[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:/;

/** Undefined: it is no address of a repository. @throws Error with BuildKit's text */
export function parseGitAddress(text: string): GitAddress | undefined {
  const bare = text.startsWith('github.com/');
  const scheme = /^([a-z]+):\/\//i.exec(text)?.[1]?.toLowerCase() ?? '';
  if (!bare && !copyStyle.test(text) && !['http', 'https', 'ssh', 'git'].includes(scheme)) return undefined;
  const [beforeFragment = '', fragment = ''] = split(text, '#');
  const [remote = '', query = ''] = split(beforeFragment, '?');
  // Addresses of the web are a repository's only by their ending.
  if ((scheme === 'http' || scheme === 'https') && !remote.endsWith('.git')) return undefined;
  const [ref = '', directory = ''] = split(fragment, ':');
  return { ...withQuery({ ref, directory }, new URLSearchParams(query)), remote: bare ? `https://${remote}` : remote, bare };
}

function withQuery(given: { ref: string; directory: string }, query: URLSearchParams): Omit<GitAddress, 'remote' | 'bare'> {
  let { ref, directory } = given;
  let checksum = '';
  let keepDirectory: boolean | undefined;
  let submodules = true;
  for (const name of new Set(query.keys())) {
    const values = query.getAll(name);
    const [value = ''] = values;
    const optional = name === 'submodules' || name === 'keep-git-dir';
    if (values.length > 1) throw new Error(`query ${JSON.stringify(name)} has multiple values`);
    if (value === '' && !optional) throw new Error(`query ${JSON.stringify(name)} has no value`);
    const truth = (): boolean => {
      const read = value === '' ? true : parseGoBoolean(value);
      if (read === undefined) throw new Error(`invalid ${name} value: ${JSON.stringify(value)}`);
      return read;
    };
    const asRef = (prefix: string): string => (value.startsWith(prefix) ? value : prefix + value);
    if (name === 'ref') ref = agreeing('ref', ref, value);
    else if (name === 'tag') ref = agreeing('ref', ref, asRef('refs/tags/'));
    else if (name === 'branch') {
      if (query.has('tag')) throw new Error('branch conflicts with tag');
      ref = agreeing('ref', ref, asRef('refs/heads/'));
    } else if (name === 'subdir') directory = agreeing('subdir', directory, value);
    else if (name === 'checksum' || name === 'commit') checksum = value;
    else if (name === 'keep-git-dir') keepDirectory = truth();
    else if (name === 'submodules') submodules = truth();
    else throw new Error(`unexpected query ${JSON.stringify(name)}`);
  }
  return { ref: ref === '' ? checksum : ref, directory, checksum, keepDirectory, submodules };
}

function agreeing(what: string, before: string, now: string): string {
  if (before !== '' && before !== now) throw new Error(`${what} conflicts: ${JSON.stringify(before)} vs ${JSON.stringify(now)}`);
  return now;
}

function split(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** Without the password in it. */
export function withoutPassword(remote: string): string {
  if (!URL.canParse(remote)) return remote;
  const url = new URL(remote);
  if (url.password === '') return remote;
  return remote.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/i, '$1:xxxxx@');
}
