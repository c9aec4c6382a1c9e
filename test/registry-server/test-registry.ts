/** A registry server of a test's own, in this process, on a free port of the loopback address, with what clients of it do. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { serverOptions } from '#registry-server/configuration.ts';
import { startRegistryServer, type RegistryServer } from '#registry-server/registry-server.ts';

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

export interface BlobOf {
  readonly digest: string;
  readonly size: number;
}

export class TestRegistry implements AsyncDisposable {
  readonly root: string;
  readonly warnings: string[] = [];
  readonly #document: Readonly<Record<string, unknown>>;
  #server: RegistryServer | undefined;

  private constructor(document: Readonly<Record<string, unknown>>) {
    this.root = mkdtempSync('/tmp/dhow-registry-');
    this.#document = document;
  }

  /** With the fields of a configuration document; `storage`, `listen` and `accessLog` are chosen where they are not given. */
  static async start(document: Readonly<Record<string, unknown>> = {}): Promise<TestRegistry> {
    const registry = new TestRegistry(document);
    try {
      await registry.open();
      return registry;
    } catch (error) {
      rmSync(registry.root, { recursive: true, force: true });
      throw error;
    }
  }

  get storage(): string {
    return typeof this.#document['storage'] === 'string' ? this.#document['storage'] : join(this.root, 'storage');
  }

  get host(): string {
    return `127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.server.address.port;
  }

  get url(): string {
    return `${this.#document['tls'] === undefined ? 'http' : 'https'}://${this.host}`;
  }

  get server(): RegistryServer {
    if (this.#server === undefined) throw new Error('the registry has been closed');
    return this.#server;
  }

  /** Starts it, also again on the same storage. */
  async open(): Promise<void> {
    const options = serverOptions({ listen: '127.0.0.1:0', accessLog: 'off', ...this.#document, storage: this.storage });
    this.#server = await startRegistryServer(options, (message) => this.warnings.push(message));
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]();
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    return await fetch(path.startsWith('http') ? path : `${this.url}${path}`, init);
  }

  /** The status and the first error's code and message. */
  async refusal(path: string, init: RequestInit = {}): Promise<{ status: number; code: string; message: string; headers: Headers }> {
    const response = await this.request(path, init);
    const document = (await response.json()) as { errors?: { code: string; message: string }[] };
    return { status: response.status, code: document.errors?.[0]?.code ?? '', message: document.errors?.[0]?.message ?? '', headers: response.headers };
  }

  /** Pushes in one request. */
  async pushBlob(repository: string, bytes: Uint8Array, init: RequestInit = {}): Promise<BlobOf> {
    const digest = digestOf(bytes);
    const response = await this.request(`/v2/${repository}/blobs/uploads/?digest=${digest}`, { ...init, method: 'POST', body: Buffer.from(bytes) });
    if (response.status !== 201) throw new Error(`the blob was refused: ${response.status} ${await response.text()}`);
    return { digest, size: bytes.length };
  }

  async putManifest(repository: string, reference: string | undefined, document: unknown, init: RequestInit & { type?: string } = {}): Promise<BlobOf & { response: Response }> {
    const bytes = Buffer.from(JSON.stringify(document));
    const digest = digestOf(bytes);
    const type = init.type ?? types.manifest;
    const response = await this.request(`/v2/${repository}/manifests/${reference ?? digest}`, { ...init, method: 'PUT', body: bytes, headers: { ...(init.headers as Record<string, string>), 'Content-Type': type } });
    return { digest, size: bytes.length, response };
  }

  /** An image of one random layer. */
  async pushImage(repository: string, reference?: string, options: { layer?: Uint8Array; init?: RequestInit } = {}): Promise<{ digest: string; size: number; layer: BlobOf; config: BlobOf }> {
    const { init = {} } = options;
    const layer = await this.pushBlob(repository, options.layer ?? randomBytes(1000), init);
    const config = await this.pushBlob(repository, randomBytes(20), init);
    const { digest, size, response } = await this.putManifest(repository, reference, imageOf(config, layer), init);
    if (response.status !== 201) throw new Error(`the manifest was refused: ${response.status} ${await response.text()}`);
    return { digest, size, layer, config };
  }

  /** The location of a new upload, as a path. */
  async beginUpload(repository: string, query = ''): Promise<string> {
    const response = await this.request(`/v2/${repository}/blobs/uploads/${query}`, { method: 'POST' });
    const location = response.headers.get('location');
    if (response.status !== 202 || location === null) throw new Error(`the upload was refused: ${response.status} ${await response.text()}`);
    return location;
  }

  async status(path: string, method = 'HEAD', init: RequestInit = {}): Promise<number> {
    const response = await this.request(path, { ...init, method });
    await response.arrayBuffer();
    return response.status;
  }

  async metric(name: string): Promise<number> {
    const text = await (await this.request('/metrics')).text();
    return Number(new RegExp(`^dhow_registry_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.close();
    } finally {
      rmSync(this.root, { recursive: true, force: true });
    }
  }
}

export function imageOf(config: BlobOf, layer: BlobOf, more: Readonly<Record<string, unknown>> = {}): unknown {
  return {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, digest: config.digest, size: config.size },
    layers: [{ mediaType: types.layer, digest: layer.digest, size: layer.size }],
    ...more,
  };
}

export function digestOf(bytes: Uint8Array, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
