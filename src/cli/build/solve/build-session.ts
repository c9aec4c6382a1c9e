/** The client's side of a build: files, secrets, agents and credentials, served to the daemon on a connection of their own. */
import { createConnection } from 'node:net';
import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { GrpcError, statusCodes } from '#base/grpc/grpc-status.ts';
import { unary, type GrpcCall, type GrpcMethod, type GrpcMethods } from '#base/grpc/grpc-call.ts';
import { BytesMessage } from '#schema/buildkit/common-messages.ts';
import { CheckAgentRequest, CredentialsRequest, CredentialsResponse, GetSecretRequest, GetSecretResponse, sessionMethods } from '#schema/buildkit/session-messages.ts';
import { blobServices, type BlobDirectory } from './blob-directory.ts';
import { sendDirectory, type SentDirectory } from './send-directory.ts';
import { sendPacked } from './send-packed.ts';

export type SecretSource = { readonly file: string } | { readonly value: string };

export type OutputSink = { readonly kind: 'directory'; readonly path: string } | { readonly kind: 'archive'; readonly path: string } | { readonly kind: 'stream'; readonly stream: Writable };

export interface SessionOffer {
  /** Directories by the names the build knows them by. */
  readonly directories: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, SecretSource>;
  /** Sockets of agents, by id. */
  readonly agents: ReadonlyMap<string, string>;
  /** Outputs of the build, in their order; undefined: not the client's. */
  readonly outputs: readonly (OutputSink | undefined)[];
  /** Directories of blobs, by name. */
  readonly stores: ReadonlyMap<string, BlobDirectory>;
  /** An archive of a context that is uploaded. */
  readonly upload: AsyncIterable<Uint8Array> | undefined;
  readonly credentials: (host: string) => Promise<{ userName: string; secret: string }>;
  /** Takes the offer of a shell in the state of a step that failed; undefined: none is wanted. */
  readonly shell?: GrpcMethod | undefined;
}

/** By path. */
export function sessionServices(offer: SessionOffer): GrpcMethods {
  const methods: [string, GrpcMethod][] = [
    [sessionMethods.fileSync, async (call) => await sendDirectory(wantedDirectory(call, offer), call.messages, call.send)],
    [sessionMethods.packedFiles, async (call) => await sendPacked(wantedDirectory(call, offer), call.messages, call.send)],
    [sessionMethods.fileSend, async (call) => await takeOutput(call, offer)],
    [sessionMethods.credentials, unary(async (message) => CredentialsResponse.encode(await offer.credentials(CredentialsRequest.decode(message).host)))],
    [sessionMethods.getSecret, unary(async (message) => await secret(GetSecretRequest.decode(message).id, offer))],
    ...blobServices(offer.stores),
    ['/grpc.health.v1.Health/Check', unary(async () => await Promise.resolve(Buffer.from([0x08, 0x01])))],
  ];
  if (offer.agents.size > 0) {
    methods.push([sessionMethods.checkAgent, unary(async (message) => {
      socketOf(CheckAgentRequest.decode(message).id, offer);
      return await Promise.resolve(Buffer.alloc(0));
    })]);
    methods.push([sessionMethods.forwardAgent, async (call) => await forwardAgent(call, offer)]);
  }
  if (offer.shell !== undefined) methods.push([sessionMethods.openShell, offer.shell]);
  if (offer.upload !== undefined) methods.push([sessionMethods.pullUpload, async ({ send }) => {
    for await (const chunk of offer.upload ?? []) await send(BytesMessage.encode({ data: Buffer.from(chunk) }));
  }]);
  return new Map(methods);
}

/** What the daemon asks for. @throws GrpcError */
function wantedDirectory({ values }: GrpcCall, { directories }: SessionOffer): SentDirectory {
  const [name = ''] = values('dir-name');
  const path = directories.get(name);
  if (path === undefined) throw new GrpcError(statusCodes.notFound, `no access allowed to dir ${JSON.stringify(name)}`);
  const decoded = (key: string): string[] => {
    const found = values(key);
    return values(`${key}-encoded`)[0] === '1' ? found.map((value) => decodeURIComponent(value)) : found;
  };
  return { path, exclude: decoded('exclude-patterns'), follow: decoded('followpaths') };
}

async function takeOutput({ values, messages, send }: GrpcCall, { outputs }: SessionOffer): Promise<void> {
  const sink = outputs[Number(values('buildkit-attachable-exporter-id')[0] ?? 0)];
  if (sink === undefined) throw new GrpcError(statusCodes.notFound, 'no output of this number was asked for');
  if (sink.kind === 'directory') {
    const { receiveDirectory } = await import('./receive-directory.ts');
    return await receiveDirectory(sink.path, messages, send);
  }
  const stream = sink.kind === 'archive' ? createWriteStream(sink.path) : sink.stream;
  for await (const message of messages) if (!stream.write(BytesMessage.decode(message).data)) await once(stream, 'drain');
  if (sink.kind !== 'archive') return;
  stream.end();
  await once(stream, 'close');
}

async function secret(id: string, { secrets }: SessionOffer): Promise<Buffer> {
  const source = secrets.get(id);
  if (source === undefined) throw new GrpcError(statusCodes.notFound, `secret ${id}: not found`);
  return await Promise.resolve(GetSecretResponse.encode({ data: 'value' in source ? Buffer.from(source.value) : readFileSync(source.file) }));
}

function socketOf(id: string, { agents }: SessionOffer): string {
  const socket = agents.get(id === '' ? 'default' : id);
  if (socket === undefined) throw new GrpcError(statusCodes.notFound, `unset ssh forward key ${id}`);
  return socket;
}

async function forwardAgent({ values, messages, send, signal }: GrpcCall, offer: SessionOffer): Promise<void> {
  const socket = createConnection(socketOf(values('buildkit.ssh.id')[0] ?? '', offer));
  const close = (): void => void socket.destroy();
  signal.addEventListener('abort', close, { once: true });
  try {
    const upward = (async () => {
      for await (const message of messages) if (!socket.write(BytesMessage.decode(message).data)) await once(socket, 'drain');
      socket.end();
    })();
    // It is waited for once the agent has said all.
    upward.catch(close);
    for await (const chunk of socket as AsyncIterable<Buffer>) await send(BytesMessage.encode({ data: chunk }));
    await upward;
  } finally {
    signal.removeEventListener('abort', close);
    socket.destroy();
  }
}
