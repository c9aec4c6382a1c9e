/** Small HTTP servers of tests: registries that ask for tokens, over TLS too, and proxies. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProgram } from '#kernel/run-program.ts';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface TestServer {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly requests: SeenRequest[];
}

type Answerer = (request: SeenRequest, response: ServerResponse) => void;

export async function serve(t: TestContext, answer: Answerer, tls?: { cert: string; key: string; ca?: string; requestCert?: boolean }): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const listener: RequestListener = (request, response) => void read(request).then((body) => {
    const seen = { method: request.method ?? '', url: request.url ?? '', authorization: request.headers.authorization, body };
    requests.push(seen);
    answer(seen, response);
  });
  const server = tls === undefined ? createServer(listener) : createSecureServer({ ...tls, rejectUnauthorized: tls.requestCert === true }, listener);
  return { host: await listen(t, server), requests };
}

/** A proxy for plain requests and tunnels. */
export async function serveProxy(t: TestContext, options: { refuse?: boolean } = {}): Promise<TestServer> {
  const requests: SeenRequest[] = [];
  const note = ({ method = '', url = '', headers }: IncomingMessage): void => void requests.push({ method, url, authorization: headers['proxy-authorization'], body: '' });
  const server = createServer((request, response) => {
    note(request);
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"by":"proxy"}');
  });
  server.on('connect', (request, socket) => {
    note(request);
    if (options.refuse === true) return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const [host = '', port = ''] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host === 'registry.test' ? '127.0.0.1' : host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const side of [upstream, socket]) side.on('error', () => side.destroy());
    t.after(() => void upstream.destroy());
  });
  return { host: await listen(t, server), requests };
}

async function listen(t: TestContext, server: Server & { closeAllConnections?(): void }): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(async () => {
    server.closeAllConnections?.();
    await new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function read(request: IncomingMessage): Promise<string> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
}

export interface Certificates {
  readonly directory: string;
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** When a certificate counts, as `YYYYMMDDHHMMSSZ`. */
export interface Validity {
  readonly from: string;
  readonly to: string;
}

/** An authority of one's own, with a certificate of it for these names (`''`: for none), good for servers and clients. */
export async function makeCertificates(t: TestContext, names: string, validity?: Validity): Promise<Certificates> {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-tls-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const openssl = async (...words: string[]): Promise<void> => {
    const { exitCode, stderr } = await runProgram('openssl', words);
    if (exitCode !== 0) throw new Error(`openssl ${words.join(' ')}: ${stderr}`);
  };
  const path = (name: string): string => join(directory, name);
  await openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=test authority', '-keyout', path('ca.key'), '-out', path('ca.crt'));
  await openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=test', '-keyout', path('own.key'), '-out', path('own.csr'));
  writeFileSync(path('extensions'), names === '' ? '' : `subjectAltName=${names}\n`);
  writeFileSync(path('index'), '');
  writeFileSync(path('serial'), '01\n');
  writeFileSync(path('ca.conf'), `[ca]\ndefault_ca=own\n[own]\ndatabase=${path('index')}\nserial=${path('serial')}\nnew_certs_dir=${directory}\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n`);
  const times = validity === undefined ? ['-days', '2'] : ['-startdate', validity.from, '-enddate', validity.to];
  await openssl('ca', '-batch', '-notext', '-config', path('ca.conf'), '-in', path('own.csr'), '-cert', path('ca.crt'), '-keyfile', path('ca.key'), ...times, '-extfile', path('extensions'), '-out', path('own.crt'));
  const text = (name: string): string => readFileSync(path(name), 'utf8');
  return { directory, authority: text('ca.crt'), certificate: text('own.crt'), key: text('own.key') };
}
