/** A registry in memory, for the tests of pulling: manifests, blobs, tokens, and faults on demand. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { digestOf, type MadeImage } from './image-fixture.ts';

export interface TestRegistry {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly blobs: Map<string, Buffer>;
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests: Map<string, { type: string; body: Buffer }>;
  /** `METHOD path` of every request so far. */
  readonly requests: string[];
  /** Most requests for blobs that were answered at the same time. */
  readonly busiest: () => number;
  /** Looks at a request first; true: it has answered. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
  /** Bytes of blobs that were sent so far. */
  readonly sent: () => number;
  /** Sends every blob in pieces of so many bytes, each once the hook resolves. */
  pace: { readonly piece: number; readonly next: (digest: string, offset: number) => Promise<void> } | undefined;
  /** Publishes an image with gzipped layers and answers the manifest's digest. */
  push(name: string, image: MadeImage, options?: { docker?: boolean }): string;
  /** Publishes any manifest or index. */
  pushManifest(name: string, type: string, document: object): string;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
export const dockerManifestType = 'application/vnd.docker.distribution.manifest.v2+json';

export async function startRegistry(t: TestContext): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>();
  const manifests: TestRegistry['manifests'] = new Map();
  const requests: string[] = [];
  let busy = 0;
  let busiest = 0;
  let sent = 0;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    void answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const registry: TestRegistry = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobs,
    manifests,
    requests,
    busiest: () => busiest,
    sent: () => sent,
    pace: undefined,
    intercept: undefined,
    push: (name, image, { docker = false } = {}) => {
      const layers = image.layers.map((layer) => gzipSync(layer));
      for (const bytes of [image.configuration, ...layers]) blobs.set(digestOf(bytes), bytes);
      const describe = (mediaType: string, bytes: Buffer): object => ({ mediaType, digest: digestOf(bytes), size: bytes.length });
      const type = docker ? dockerManifestType : manifestType;
      return registry.pushManifest(name, type, {
        schemaVersion: 2,
        mediaType: type,
        config: describe(docker ? 'application/vnd.docker.container.image.v1+json' : 'application/vnd.oci.image.config.v1+json', image.configuration),
        layers: layers.map((layer) => describe(docker ? 'application/vnd.docker.image.rootfs.diff.tar.gzip' : 'application/vnd.oci.image.layer.v1.tar+gzip', layer)),
      });
    },
    pushManifest: (name, type, document) => {
      const body = Buffer.from(JSON.stringify(document));
      manifests.set(name, { type, body });
      const digest = digestOf(body);
      manifests.set(`${name.replace(/[:@].*$/, '')}@${digest}`, { type, body });
      return digest;
    },
  };
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (registry.intercept !== undefined && (await registry.intercept(request, response))) return;
    const url = request.url ?? '';
    const match = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^?]+)/.exec(url);
    if (url === '/v2/') return void response.writeHead(200, { 'Content-Type': 'application/json' }).end('{}');
    if (match === null) return refuse(response, 404, { code: 'NAME_UNKNOWN', message: 'repository name not known to registry', detail: {} });
    const [, repository = '', kind, reference = ''] = match;
    if (kind === 'tags') {
      const tags = [...manifests.keys()].filter((name) => name.startsWith(`${repository}:`)).map((name) => name.slice(repository.length + 1));
      return void response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ name: repository, tags }));
    }
    if (kind === 'manifests') {
      const found = manifests.get(`${repository}${reference.includes(':') ? '@' : ':'}${reference}`);
      if (found === undefined) return refuse(response, 404, { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: reference } });
      return void response.writeHead(200, { 'Content-Type': found.type, 'Docker-Content-Digest': digestOf(found.body) }).end(found.body);
    }
    const blob = blobs.get(reference);
    if (blob === undefined) return refuse(response, 404, { code: 'BLOB_UNKNOWN', message: 'blob unknown to registry', detail: reference });
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    busy++;
    busiest = Math.max(busiest, busy);
    response.once('close', () => busy--);
    if (start > 0) response.writeHead(206, { 'Content-Range': `bytes ${start}-${blob.length - 1}/${blob.length}`, 'Content-Length': blob.length - start });
    else response.writeHead(200, { 'Content-Length': blob.length });
    const { pace } = registry;
    if (pace === undefined) {
      sent += blob.length - start;
      response.end(blob.subarray(start));
      return;
    }
    for (let at = start; at < blob.length && !response.destroyed; at += pace.piece) {
      await pace.next(reference, at);
      const piece = blob.subarray(at, at + pace.piece);
      sent += piece.length;
      response.write(piece);
    }
    response.end();
  }
  return registry;
}

export function refuse(response: ServerResponse, status: number, error: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ errors: [error] }));
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, size: number): string {
  let text = '';
  for (let index = 0; text.length < size; index++) text += createHash('sha256').update(`${seed} ${index}`).digest('base64');
  return text.slice(0, size);
}
