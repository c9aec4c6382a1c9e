/**
 * The user's contexts: under the configuration directory, one directory each, named by the digest of the
 * context's name: `contexts/meta/DIGEST/meta.json` and the files of TLS in `contexts/tls/DIGEST/ENDPOINT/`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure } from '#cli/command-failure.ts';
import { errnoText } from '#cli/errno-text.ts';
import { encodeText } from '#base/template/go-json.ts';
import { quoteText } from '#base/template/go-quote.ts';

export interface DockerEndpoint {
  readonly Host?: string;
  readonly SkipTLSVerify: boolean;
}

/** The content of meta.json. */
export interface ContextMetadata {
  readonly Name: string;
  readonly Metadata: Readonly<Record<string, unknown>> & { readonly Description?: string };
  readonly Endpoints: Readonly<Record<string, unknown>> & { readonly docker?: DockerEndpoint };
}

/** A file's name to its content. */
export type TlsFiles = ReadonlyMap<string, Uint8Array>;

const namePattern = '^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$';

/** @throws CommandFailure with Docker's text for a name no context may have */
export function validateContextName(name: string): void {
  if (name === '') throw new CommandFailure('context name cannot be empty');
  if (name === 'default') throw new CommandFailure('"default" is a reserved context name');
  if (!new RegExp(namePattern).test(name)) {
    throw new CommandFailure(`context name ${quoteText(name)} is invalid, names are validated against regexp ${quoteText(namePattern)}`);
  }
}

export class ContextStore {
  readonly #directory: string;

  /** @param directory that of the user's configuration */
  constructor(directory: string) {
    this.#directory = join(directory, 'contexts');
  }

  /** Where a context's parts are kept. */
  storage(name: string): { readonly metadata: string; readonly tls: string } {
    const digest = createHash('sha256').update(name).digest('hex');
    return { metadata: join(this.#directory, 'meta', digest), tls: join(this.#directory, 'tls', digest) };
  }

  exists(name: string): boolean {
    return existsSync(this.storage(name).metadata);
  }

  /** @throws CommandFailure with Docker's text for one that is not there */
  read(name: string): ContextMetadata {
    const path = join(this.storage(name).metadata, 'meta.json');
    try {
      return parseMetadata(readFileSync(path, 'utf8'), path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      const absent = error.code === 'ENOENT' ? 'context not found: ' : '';
      throw new CommandFailure(`context ${quoteText(name)}: ${absent}open ${path}: ${errnoText(error)}`, 1, error);
    }
  }

  list(): ContextMetadata[] {
    const root = join(this.#directory, 'meta');
    if (!existsSync(root)) return [];
    const paths = readdirSync(root).map((digest) => join(root, digest, 'meta.json')).filter((path) => existsSync(path));
    return paths.map((path) => parseMetadata(readFileSync(path, 'utf8'), path));
  }

  write(context: ContextMetadata): void {
    const { metadata: directory } = this.storage(context.Name);
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    // What is half written is never seen.
    const temporary = join(directory, `.tmp-meta.json${process.pid}`);
    writeFileSync(temporary, metadataText(context), { mode: 0o644 });
    renameSync(temporary, join(directory, 'meta.json'));
  }

  remove(name: string): void {
    const { metadata, tls } = this.storage(name);
    rmSync(metadata, { recursive: true, force: true });
    rmSync(tls, { recursive: true, force: true });
  }

  /** An endpoint's name to its files. */
  readTls(name: string): Map<string, Map<string, Uint8Array>> {
    const { tls } = this.storage(name);
    const endpoints = new Map<string, Map<string, Uint8Array>>();
    if (!existsSync(tls)) return endpoints;
    for (const endpoint of readdirSync(tls)) {
      const files = readdirSync(join(tls, endpoint)).map((file) => [file, readFileSync(join(tls, endpoint, file))] as const);
      endpoints.set(endpoint, new Map(files));
    }
    return endpoints;
  }

  /** Puts an endpoint's files in the place of those it had. */
  writeTls(name: string, endpoint: string, files: TlsFiles): void {
    const directory = join(this.storage(name).tls, endpoint);
    rmSync(directory, { recursive: true, force: true });
    if (files.size === 0) return;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const [file, content] of files) writeFileSync(join(directory, file), content, { mode: 0o600 });
  }
}

/** @throws CommandFailure for a text that is no metadata */
export function parseMetadata(text: string, path: string): ContextMetadata {
  try {
    const { Name = '', Metadata = {}, Endpoints = {} } = JSON.parse(text) as Partial<ContextMetadata>;
    return { Name, Metadata: Metadata ?? {}, Endpoints: Endpoints ?? {} };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CommandFailure(`parsing ${path}: ${error.message}`, 1, error);
  }
}

/** As Go encodes it: the keys of maps in order, `<`, `>` and `&` escaped. */
export function metadataText({ Name: name, Metadata: metadata, Endpoints: endpoints }: ContextMetadata): string {
  const shown = Object.entries(metadata).filter(([key, value]) => !(key === 'Description' && value === ''));
  return encode({ Name: name, Metadata: Object.fromEntries(shown.sort(([a], [b]) => (a < b ? -1 : 1))), Endpoints: endpoints });
}

function encode(value: unknown): string {
  if (typeof value === 'string') return encodeText(value, true);
  if (Array.isArray(value)) return `[${value.map(encode).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([key, member]) => `${encodeText(key, true)}:${encode(member)}`).join(',')}}`;
}
