/** One request to a plugin: `POST /<method>` over its socket, with Docker's texts for what goes wrong. */
import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestSecure } from 'node:https';
import { fail, messageOf } from '#base/errors/failure.ts';
import { dialWords } from '#base/go-dial-words.ts';
import { goJsonFault } from '#base/go-json.ts';
import { tlsFaultWords } from '#base/go-tls-words.ts';
import type { PluginAddress } from './find-plugin.ts';
import { readTlsFiles, type TlsFiles } from './tls-files.ts';

const accepted = 'application/vnd.docker.plugins.v1.2+json';
/** Of a connection that has no host name. */
const localHost = 'plugin.moby.localhost';
/** Bytes of an answer that are read. */
const largestAnswer = 64 * 1024 * 1024;

/** @param options.timeout milliseconds; 0: none @throws plugin.unreachable, plugin.refused */
export async function askPlugin(address: PluginAddress, method: string, body: unknown, { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal | undefined }): Promise<unknown> {
  const target = targetOf(address);
  const url = `${target.scheme}://${target.host}/${method}`;
  const text = body === undefined ? '' : `${JSON.stringify(body)}\n`;
  const late = timeout === 0 ? [] : [AbortSignal.timeout(timeout)];
  const ended = AbortSignal.any([...late, ...(signal === undefined ? [] : [signal])]);
  let answer: { status: number; text: string };
  try {
    answer = await exchange(target, { method: 'POST', path: `/${method}`, headers: { host: target.host, accept: accepted, 'user-agent': 'Go-http-client/1.1', 'content-length': Buffer.byteLength(text) }, signal: ended }, text);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = ended.aborted ? 'context deadline exceeded' : describe(error, target);
    throw fail('plugin.unreachable', { url, reason }, error);
  }
  if (answer.status !== 200) throw fail('plugin.refused', { method, reason: refusalIn(answer.text) });
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    throw fail('plugin.answer_invalid', { method, reason: goJsonFault(answer.text, 'decoder') ?? messageOf(error) }, error);
  }
}

interface Target {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly options: RequestOptions & TlsFiles;
}

function targetOf({ url, tls }: PluginAddress): Target {
  const socketPath = /^unix:\/\/(.*)$/.exec(url)?.[1];
  if (socketPath !== undefined) return { scheme: 'http', host: localHost, options: { socketPath } };
  const parsed = URL.parse(url.replace(/^tcp:/, 'http:'));
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) throw fail('plugin.specification_invalid', { reason: `protocol of ${url} is not supported: unix, tcp, http and https are` });
  const options = { hostname: parsed.hostname.replace(/^\[|\]$/g, ''), port: parsed.port === '' ? undefined : parsed.port };
  if (parsed.protocol === 'http:') return { scheme: 'http', host: parsed.host, options };
  return {
    scheme: 'https',
    host: parsed.host,
    options: { ...options, ...readTlsFiles(tls) },
  };
}

async function exchange({ scheme, options }: Target, request: RequestOptions, body: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const send = scheme === 'https' ? requestSecure : requestPlain;
  // No connection is kept: a plugin that was started anew has another one at the other end.
  const sent = send({ ...options, ...request, agent: false }, resolve);
  sent.once('error', reject);
  sent.end(body);
  const answer = await promise;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer) {
    const bytes: Buffer = chunk;
    length += bytes.length;
    if (length > largestAnswer) throw new Error(`answer of more than ${largestAnswer} bytes`);
    chunks.push(bytes);
  }
  return { status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}

/** As Go's net package says it. */
function describe(error: unknown, { options }: Target): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const words = dialWords[code];
  const isDialling = error instanceof Error && 'syscall' in error && error.syscall === 'connect';
  const place = typeof options.socketPath === 'string' ? `unix ${options.socketPath}` : `tcp ${options.hostname ?? ''}:${options.port ?? ''}`;
  if (words !== undefined && isDialling) return `dial ${place}: connect: ${words}`;
  const host = options.hostname ?? '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: ${code === 'ENOTFOUND' ? 'no such host' : 'server misbehaving'}`;
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') return 'http: server gave HTTP response to HTTPS client';
  if (code === 'ECONNRESET') return error instanceof Error && 'syscall' in error ? 'read: connection reset by peer' : 'EOF';
  return tlsFaultWords(error, host) ?? messageOf(error);
}

/** Plugins tell what went wrong in a field `Err`, or in plain text. */
function refusalIn(text: string): string {
  try {
    const document: unknown = JSON.parse(text);
    const said: unknown = typeof document === 'object' && document !== null ? Reflect.get(document, 'Err') : undefined;
    return typeof said === 'string' && said !== '' ? said : text;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return text;
  }
}
