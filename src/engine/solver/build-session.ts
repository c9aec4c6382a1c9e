/** The client of a build, as the solver asks it for files and secrets. Implemented over the connection that the client opened. */
import type { Packet } from '#schema/buildkit/file-sync-messages.ts';
import type { ShellInput, ShellOutput } from '#schema/buildkit/shell-messages.ts';

/** What of a directory of the client is wanted: patterns of `.dockerignore`, and paths whose links are followed. */
export interface WantedFiles {
  readonly include?: readonly string[] | undefined;
  readonly exclude?: readonly string[] | undefined;
  readonly follow?: readonly string[] | undefined;
}

/** A conversation of packets (fsutil's protocol). */
export interface PacketStream {
  readonly packets: AsyncIterable<Packet>;
  send(packet: Partial<Packet>): Promise<void>;
  end(): void;
}

/** The same as the packets come: encoded, those that arrived together in one turn. */
export interface EncodedPacketStream {
  readonly batches: AsyncIterable<readonly Buffer[]>;
  send(packet: Partial<Packet>): Promise<void>;
  end(): void;
}

/** A stream of bytes both ways. */
export interface ByteStream {
  readonly chunks: AsyncIterable<Buffer>;
  send(chunk: Uint8Array): Promise<void>;
  end(): void;
}

/** Messages both ways, each kept whole. */
export interface MessageStream {
  readonly messages: AsyncIterable<Buffer>;
  send(message: Uint8Array): Promise<void>;
  end(): void;
}

/** A shell's conversation with the client that opened it. */
export interface ShellStream {
  readonly inputs: AsyncIterable<ShellInput>;
  send(output: Partial<ShellOutput>): Promise<void>;
  end(): void;
}

/** A directory of blobs that the client has. */
export interface ClientStore {
  has(digest: string, signal: AbortSignal): Promise<boolean>;
  /** The caller verifies it. @throws build.session_failed */
  read(digest: string, signal: AbortSignal): AsyncIterable<Buffer>;
  /** @throws build.session_failed */
  write(digest: string, size: number, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
}

export interface BuildSession {
  /** One of the client's directories of blobs, by the name it has for it. @throws build.session_failed where it offers none */
  store(id: string): ClientStore;
  readonly id: string;
  /** The same for builds that may share what was sent before. */
  readonly sharedKey: string;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  /** Whether the client offers a method, `/package.Service/Method`. */
  supports(method: string): boolean;
  /** A directory by the name that the client gave it. @throws build.session_failed */
  files(name: string, wanted: WantedFiles, signal: AbortSignal): EncodedPacketStream;
  /** The same in few large messages (schema/buildkit/directory-listing); undefined: the client has the usual way alone. */
  packedFiles(name: string, wanted: WantedFiles, signal: AbortSignal): MessageStream | undefined;
  /** Undefined: the client has none of this id. */
  secret(id: string, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Whether the client forwards an agent of this id. */
  hasAgent(id: string, signal: AbortSignal): Promise<boolean>;
  agent(id: string, signal: AbortSignal): ByteStream;
  /** What the client knows for a registry; undefined: nothing. */
  credentials(host: string, signal: AbortSignal): Promise<{ userName: string; secret: string } | undefined>;
  /** A context that the client uploads. */
  upload(path: string, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Offers the client a shell in the state of a step that failed; undefined: it asked for none. */
  openShell(step: { readonly step: string; readonly failure: string }, signal: AbortSignal): ShellStream | undefined;
  /** Gives the client an archive: output number `exporter` of its build. */
  sendArchive(exporter: number, metadata: Readonly<Record<string, string>>, signal: AbortSignal): ByteStream;
  /** Gives the client a directory: output number `exporter` of its build. */
  sendDirectory(exporter: number, signal: AbortSignal): PacketStream;
}
