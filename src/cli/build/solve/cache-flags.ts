/** `--cache-from` and `--cache-to` of a build (docker buildx build). */
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseCsvRecord } from '#base/csv-record.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { BlobDirectory } from './blob-directory.ts';

interface CacheEntry {
  type: string;
  attributes: Record<string, string>;
}

export interface CacheChoice {
  readonly imports: readonly CacheEntry[];
  readonly exports: readonly CacheEntry[];
  /** Directories of blobs, by the names that the daemon knows them by. */
  readonly stores: ReadonlyMap<string, BlobDirectory>;
  readonly warnings: readonly string[];
  /** Names what was written. @param answer of the build */
  finish(answer: Readonly<Record<string, string>>): void;
}

const defaultTag = 'latest';

/** @throws CommandFailure with buildx's texts */
export function readCaches({ from, to }: { from: readonly string[]; to: readonly string[] }): CacheChoice {
  const stores = new Map<string, BlobDirectory>();
  const warnings: string[] = [];
  const named: { store: BlobDirectory; tag: string }[] = [];
  const imports = from.map(entryOf).flatMap((entry): CacheEntry[] => {
    if (entry.type !== 'local') return [entry];
    const { src = '', tag = defaultTag } = entry.attributes;
    if (src === '') throw new CommandFailure('local cache importer requires src');
    const store = new BlobDirectory(resolve(src));
    const digest = entry.attributes['digest'] ?? store.find(tag);
    if (digest === undefined) {
      warnings.push(`local cache import at ${src} not found due to err: there is no cache of the tag ${tag}`);
      return [];
    }
    stores.set(`local:${src}`, store);
    return [{ type: 'local', attributes: { ...entry.attributes, digest } }];
  });
  const exports = to.map(entryOf).map((entry): CacheEntry => {
    if (entry.type !== 'local') return entry;
    const { dest = '', tag = defaultTag } = entry.attributes;
    if (dest === '') throw new CommandFailure('local cache exporter requires dest');
    const path = resolve(dest);
    mkdirSync(path, { recursive: true });
    const store = new BlobDirectory(path);
    stores.set(`local:${dest}`, store);
    named.push({ store, tag });
    return entry;
  });
  return {
    imports, exports, stores, warnings,
    finish: (answer) => {
      const written = answer['cache.manifest'];
      if (written !== undefined) for (const { store, tag } of named) store.name(JSON.parse(written) as Parameters<BlobDirectory['name']>[0], tag);
    },
  };
}

function entryOf(text: string): CacheEntry {
  const fields = parseCsvRecord(text);
  const [only = ''] = fields;
  if (fields.length === 1 && !only.includes('=')) return { type: 'registry', attributes: { ref: only } };
  const attributes: Record<string, string> = {};
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals < 0) throw new CommandFailure(`invalid value ${field}`);
    attributes[field.slice(0, equals).toLowerCase()] = field.slice(equals + 1);
  }
  const { type = '', ...rest } = attributes;
  if (type === '') throw new CommandFailure(`type required form> ${JSON.stringify(text)}`);
  return { type, attributes: rest };
}
