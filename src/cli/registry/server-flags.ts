/** Flags of a registry server, and the configuration document they make. */
import { CommandFailure } from '#cli/command-failure.ts';
import type { FlagValues } from '#cli/flag.ts';
import { listFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';

export const serverFlags = {
  config: textFlag({ text: 'Configuration file in JSON; flags count for more', candidates: 'files' }),
  'external-url': textFlag({ text: 'Address clients know the registry by, where it is behind a proxy' }),
  'gc-grace': textFlag({ text: 'Time for which garbage collection leaves new and used content alone (default 1h)' }),
  'gc-interval': textFlag({ text: 'Time between garbage collections, 0 for none (default 1h)' }),
  'gc-untagged': booleanFlag({ text: 'Garbage collection removes manifests without a tag, too' }),
  htpasswd: textFlag({ text: 'File with users and bcrypt hashes (htpasswd -B); read again when it changes', candidates: 'files' }),
  mirror: textFlag({ text: 'The proxied registry that names without a registry mean (for registry-mirrors)' }),
  'no-delete': booleanFlag({ text: 'Refuse to delete tags, manifests and blobs' }),
  proxy: listFlag({ text: 'Serve copies of another registry under NAME/ (NAME=URL)' }),
  'read-only': booleanFlag({ text: 'Refuse pushes and deletions' }),
  'tls-cert': textFlag({ text: 'Certificate to serve HTTPS with; taken anew when it changes', candidates: 'files' }),
  'tls-client-ca': textFlag({ text: 'Authority whose certificates clients must show', candidates: 'files' }),
  'tls-key': textFlag({ text: "The certificate's key", candidates: 'files' }),
  tokens: booleanFlag({ text: 'Serve tokens to the users of the htpasswd file, rather than ask for their password every time' }),
} as const;

export type ServerFlagValues = FlagValues<typeof serverFlags>;

/** Where files are for the server, if not where they are for us. */
export type FilePlace = (flag: 'htpasswd' | 'tls-cert' | 'tls-key' | 'tls-client-ca', path: string) => string;

/** @throws CommandFailure */
export function serverDocument(flags: ServerFlagValues, place: FilePlace): Record<string, unknown> {
  const document: Record<string, unknown> = {};
  const file = (flag: Parameters<FilePlace>[0]): string | undefined => (flags[flag] === '' ? undefined : place(flag, flags[flag]));
  if ((flags['tls-cert'] === '') !== (flags['tls-key'] === '')) throw new CommandFailure('--tls-cert and --tls-key go together: one of them is missing');
  if (flags.tokens && flags.htpasswd === '' && flags.config === '') throw new CommandFailure('--tokens needs the users of --htpasswd');
  const set = (name: string, value: unknown): void => void (value !== undefined && value !== '' && value !== false && (document[name] = value));
  set('externalUrl', flags['external-url']);
  set('readOnly', flags['read-only']);
  if (flags['no-delete']) document['delete'] = false;
  set('mirror', flags.mirror);
  if (flags['tls-cert'] !== '') document['tls'] = withoutEmpty({ certificate: file('tls-cert'), key: file('tls-key'), clientAuthorities: file('tls-client-ca') });
  if (flags.htpasswd !== '') document['auth'] = withoutEmpty({ htpasswd: file('htpasswd'), tokens: flags.tokens || undefined });
  const garbage = withoutEmpty({ interval: flags['gc-interval'], grace: flags['gc-grace'], untagged: flags['gc-untagged'] || undefined });
  if (Object.keys(garbage).length > 0) document['garbage'] = garbage;
  if (flags.proxy.length > 0) document['upstreams'] = flags.proxy.map(readProxy);
  return document;
}

function readProxy(text: string): { name: string; url: string } {
  const [, name, url] = /^([^=]+)=(https?:\/\/.+)$/.exec(text) ?? [];
  if (name === undefined || url === undefined) throw new CommandFailure(`--proxy takes NAME=URL, such as docker.io=https://registry-1.docker.io, not "${text}"`);
  return { name, url };
}

function withoutEmpty(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== ''));
}
