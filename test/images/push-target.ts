/** A registry in memory that takes pushes, for their tests: uploads in pieces, mounts, manifests, and faults on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { digestOf } from './image-fixture.ts';
import { refuse } from './registry-fixture.ts';

export interface PushTarget {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** By `repository@digest`. */
  readonly blobs: Map<string, Buffer>;
  /** By `repository:tag` and `repository@digest`. */
  readonly manifests: Map<string, { type: string; body: Buffer }>;
  /** `METHOD path` of every request so far. */
  readonly requests: string[];
  /** Bytes that uploads brought, also those that broke. */
  received: number;
  /** Most uploads that were under way at the same time. */
  readonly busiest: () => number;
  /** Looks at a request first; true: it has answered. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>) | undefined;
  /** Bytes of one upload after which the connection is cut, once. */
  cutAfter: number | undefined;
}

export async function startPushTarget(t: TestContext): Promise<PushTarget> {
  const uploads = new Map<string, Buffer[]>();
  let uploading = 0;
  let busiest = 0;
  let count = 0;
  const server = createServer((request, response) => {
    target.requests.push(`${request.method} ${request.url}`);
    void answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const target: PushTarget = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    blobs: new Map(),
    manifests: new Map(),
    requests: [],
    received: 0,
    busiest: () => busiest,
    intercept: undefined,
    cutAfter: undefined,
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (target.intercept !== undefined && (await target.intercept(request, response))) return;
    const url = new URL(request.url ?? '', `http://${target.host}`);
    if (url.pathname === '/v2/') return void response.writeHead(200).end('{}');
    const [, repository = '', kind = '', rest = ''] = /^\/v2\/(.+?)\/(manifests|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === 'manifests') return await manifest(request, response, repository, rest);
    if (!rest.startsWith('uploads/')) return blob(request, response, repository, rest);
    const id = rest.slice('uploads/'.length);
    if (request.method === 'POST') return begin(response, repository, url);
    const pieces = uploads.get(id);
    if (pieces === undefined) return refuse(response, 404, { code: 'BLOB_UPLOAD_UNKNOWN', message: 'blob upload unknown to registry' });
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    const size = (): number => pieces.reduce((sum, piece) => sum + piece.length, 0);
    const place = { Location: `/v2/${repository}/blobs/uploads/${id}`, Range: `0-${Math.max(0, size() - 1)}` };
    if (request.method === 'GET') return void response.writeHead(204, place).end();
    const range = /^(\d+)-/.exec(request.headers['content-range'] ?? '');
    if (range !== null && Number(range[1]) !== size()) return void response.writeHead(416, place).end();
    await take(request, pieces);
    if (request.method === 'PATCH') return void response.writeHead(202, { ...place, Range: `0-${Math.max(0, size() - 1)}` }).end();
    const digest = url.searchParams.get('digest') ?? '';
    const bytes = Buffer.concat(pieces);
    if (digestOf(bytes) !== digest) return refuse(response, 400, { code: 'DIGEST_INVALID', message: 'provided digest did not match uploaded content', detail: digest });
    uploads.delete(id);
    target.blobs.set(`${repository}@${digest}`, bytes);
    response.writeHead(201).end();
  }

  function begin(response: ServerResponse, repository: string, url: URL): void {
    const digest = url.searchParams.get('mount');
    const there = digest === null ? undefined : target.blobs.get(`${url.searchParams.get('from')}@${digest}`);
    if (there !== undefined) {
      target.blobs.set(`${repository}@${digest}`, there);
      return void response.writeHead(201).end();
    }
    const id = `u${++count}`;
    uploads.set(id, []);
    response.writeHead(202, { Location: `/v2/${repository}/blobs/uploads/${id}` }).end();
  }

  async function take(request: IncomingMessage, pieces: Buffer[]): Promise<void> {
    uploading++;
    busiest = Math.max(busiest, uploading);
    try {
      for await (const piece of request as AsyncIterable<Buffer>) {
        target.received += piece.length;
        const { cutAfter } = target;
        if (cutAfter !== undefined && pieces.reduce((sum, { length }) => sum + length, piece.length) > cutAfter) {
          target.cutAfter = undefined;
          pieces.push(piece);
          request.destroy();
          return;
        }
        pieces.push(piece);
      }
    } finally {
      uploading--;
    }
  }

  function blob(request: IncomingMessage, response: ServerResponse, repository: string, digest: string): void {
    const bytes = target.blobs.get(`${repository}@${digest}`);
    if (bytes === undefined) return refuse(response, 404, { code: 'BLOB_UNKNOWN', message: 'blob unknown to registry', detail: digest });
    response.writeHead(200, { 'Content-Length': bytes.length }).end(request.method === 'HEAD' ? undefined : bytes);
  }

  async function manifest(request: IncomingMessage, response: ServerResponse, repository: string, reference: string): Promise<void> {
    const name = `${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
    if (request.method === 'PUT') {
      const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
      const entry = { type: request.headers['content-type'] ?? '', body };
      const { config, layers = [], manifests = [] } = JSON.parse(body.toString()) as { config?: { digest: string }; layers?: { digest: string }[]; manifests?: { digest: string }[] };
      const absent = [...(config === undefined ? [] : [config]), ...layers].find(({ digest }) => !target.blobs.has(`${repository}@${digest}`)) ?? manifests.find(({ digest }) => !target.manifests.has(`${repository}@${digest}`));
      if (absent !== undefined) return refuse(response, 400, { code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown to registry', detail: absent.digest });
      target.manifests.set(name, entry);
      target.manifests.set(`${repository}@${digestOf(body)}`, entry);
      return void response.writeHead(201, { 'Docker-Content-Digest': digestOf(body) }).end();
    }
    const found = target.manifests.get(name);
    if (found === undefined) return refuse(response, 404, { code: 'MANIFEST_UNKNOWN', message: 'manifest unknown', detail: { Tag: reference } });
    response.writeHead(200, { 'Content-Type': found.type, 'Docker-Content-Digest': digestOf(found.body) }).end(found.body);
  }
  return target;
}
