/** A build's client on the connection it opened with `POST /session`: there the client serves and the daemon calls. */
import type { GrpcCaller } from '#base/grpc/grpc-call.ts';
import { GrpcError, statusCodes, statusName } from '#base/grpc/grpc-status.ts';
import { fail } from '#base/errors/failure.ts';
import { clientStore } from './client-store.ts';
import type { BuildSession, ClientStore, ByteStream, EncodedPacketStream, MessageStream, PacketStream, ShellStream, WantedFiles } from '#engine/solver/build-session.ts';
import { BytesMessage } from '#schema/buildkit/common-messages.ts';
import { contentMethods } from '#schema/buildkit/content-messages.ts';
import { Packet } from '#schema/buildkit/file-sync-messages.ts';
import { ShellInput, ShellOutput } from '#schema/buildkit/shell-messages.ts';
import { CheckAgentRequest, CredentialsRequest, CredentialsResponse, GetSecretRequest, GetSecretResponse, sessionMethods } from '#schema/buildkit/session-messages.ts';

export interface SessionFacts {
  readonly id: string;
  readonly sharedKey: string;
  /** Paths of the methods the client offers. */
  readonly methods: ReadonlySet<string>;
}

export class ClientSession implements BuildSession, Disposable {
  readonly id: string;
  readonly sharedKey: string;
  readonly #methods: ReadonlySet<string>;
  readonly #client: GrpcCaller;

  /** @param client is disposed with the session */
  constructor(client: GrpcCaller, { id, sharedKey, methods }: SessionFacts) {
    this.id = id;
    this.sharedKey = sharedKey;
    this.#methods = methods;
    this.#client = client;
  }

  get gone(): AbortSignal {
    return this.#client.gone;
  }

  supports(method: string): boolean {
    return this.#methods.has(method);
  }

  files(name: string, { include, exclude, follow }: WantedFiles, signal: AbortSignal): EncodedPacketStream {
    if (!this.supports(sessionMethods.fileSync)) throw fail('build.session_failed', { message: 'no local sources enabled' });
    const call = this.#client.call(sessionMethods.fileSync, { signal, metadata: wantedMetadata(name, { include, exclude, follow }) });
    return { batches: decoded(call.batches, (batch) => batch), send: async (packet) => await call.send(Packet.encode(packet)), end: () => call.end() };
  }

  packedFiles(name: string, wanted: WantedFiles, signal: AbortSignal): MessageStream | undefined {
    if (!this.supports(sessionMethods.packedFiles)) return undefined;
    const call = this.#client.call(sessionMethods.packedFiles, { signal, metadata: wantedMetadata(name, wanted) });
    return { messages: decoded(call.messages, (message) => message), send: async (message) => await call.send(message), end: () => call.end() };
  }

  async secret(id: string, signal: AbortSignal): Promise<Buffer | undefined> {
    if (!this.supports(sessionMethods.getSecret)) return undefined;
    try {
      return GetSecretResponse.decode(await this.#client.unary(sessionMethods.getSecret, GetSecretRequest.encode({ id }), { signal })).data;
    } catch (error) {
      if (isStatus(error, statusCodes.notFound) || isStatus(error, statusCodes.unimplemented)) return undefined;
      throw asFailure(error);
    }
  }

  async hasAgent(id: string, signal: AbortSignal): Promise<boolean> {
    if (!this.supports(sessionMethods.checkAgent)) return false;
    try {
      await this.#client.unary(sessionMethods.checkAgent, CheckAgentRequest.encode({ id }), { signal });
      return true;
    } catch (error) {
      if (error instanceof GrpcError) return false;
      throw error;
    }
  }

  agent(id: string, signal: AbortSignal): ByteStream {
    return this.#bytes(sessionMethods.forwardAgent, { 'buildkit.ssh.id': id }, signal);
  }

  async credentials(host: string, signal: AbortSignal): Promise<{ userName: string; secret: string } | undefined> {
    if (!this.supports(sessionMethods.credentials)) return undefined;
    try {
      const { userName, secret } = CredentialsResponse.decode(await this.#client.unary(sessionMethods.credentials, CredentialsRequest.encode({ host }), { signal }));
      return secret === '' && userName === '' ? undefined : { userName, secret };
    } catch (error) {
      if (isStatus(error, statusCodes.unimplemented)) return undefined;
      throw asFailure(error);
    }
  }

  async *upload(path: string, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const stream = this.#bytes(sessionMethods.pullUpload, { urlpath: path }, signal);
    yield* stream.chunks;
    stream.end();
  }

  openShell(step: { readonly step: string; readonly failure: string }, signal: AbortSignal): ShellStream | undefined {
    if (!this.supports(sessionMethods.openShell)) return undefined;
    const call = this.#client.call(sessionMethods.openShell, { signal });
    const send = async (output: Partial<ShellOutput>): Promise<void> => await call.send(ShellOutput.encode(output));
    // A client that is gone shows itself when its answer is read.
    void send(step).catch(() => undefined);
    return { inputs: decoded(call.messages, (message) => ShellInput.decode(message)), send, end: () => call.end() };
  }

  store(id: string): ClientStore {
    if (!this.supports(contentMethods.read)) throw fail('build.session_failed', { message: `the client offers no store of blobs ${id}` });
    return clientStore(this.#client, id);
  }

  sendArchive(exporter: number, metadata: Readonly<Record<string, string>>, signal: AbortSignal): ByteStream {
    const named = Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`exporter-md-${name}`, value]));
    return this.#bytes(sessionMethods.fileSend, { 'buildkit-attachable-exporter-id': String(exporter), ...named }, signal);
  }

  sendDirectory(exporter: number, signal: AbortSignal): PacketStream {
    return this.#packets(sessionMethods.fileSend, { 'buildkit-attachable-exporter-id': [String(exporter)] }, signal);
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }

  #packets(path: string, metadata: Readonly<Record<string, string | readonly string[]>>, signal: AbortSignal): PacketStream {
    const call = this.#client.call(path, { signal, metadata });
    return {
      packets: decoded(call.messages, (message) => Packet.decode(message)),
      send: async (packet) => await call.send(Packet.encode(packet)),
      end: () => call.end(),
    };
  }

  #bytes(path: string, metadata: Readonly<Record<string, string>>, signal: AbortSignal): ByteStream {
    const call = this.#client.call(path, { signal, metadata });
    return {
      chunks: decoded(call.messages, (message) => BytesMessage.decode(message).data),
      send: async (chunk) => await call.send(BytesMessage.encode({ data: Buffer.from(chunk) })),
      end: () => call.end(),
    };
  }
}

async function* decoded<M, T>(messages: AsyncIterable<M>, decode: (message: M) => T): AsyncGenerator<T, void> {
  try {
    for await (const message of messages) yield decode(message);
  } catch (error) {
    throw asFailure(error);
  }
}

function wantedMetadata(name: string, { include, exclude, follow }: WantedFiles): Record<string, readonly string[]> {
  return { 'dir-name': [name], ...encoded('include-patterns', include), ...encoded('exclude-patterns', exclude), ...encoded('followpaths', follow) };
}

/** Values that are no plain ASCII are sent as in an address, and that is said. */
function encoded(name: string, values: readonly string[] | undefined): Record<string, readonly string[]> {
  if (values === undefined || values.length === 0) return {};
  const plain = values.every((value) => /^[\x20-\x7e]*$/.test(value) && value.trim() === value);
  return plain ? { [name]: values } : { [name]: values.map((value) => encodeURIComponent(value)), [`${name}-encoded`]: ['1'] };
}

function isStatus(error: unknown, code: number): boolean {
  return error instanceof GrpcError && error.code === code;
}

/** What the client said as a failure of the build. */
function asFailure(error: unknown): unknown {
  return error instanceof GrpcError ? fail('build.session_failed', { message: `rpc error: code = ${statusName(error.code)} desc = ${error.message}` }, error) : error;
}
