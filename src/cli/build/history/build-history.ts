/** The builds that the daemon keeps, asked for through BuildKit's control service. */
import { CommandFailure } from '#cli/command-failure.ts';
import type { Client } from '#client/client.ts';
import type { GrpcCaller } from '#base/grpc/grpc-call.ts';
import type { MessageOf } from '#base/protobuf/message-type.ts';
import { BuildHistoryEvent, BuildHistoryRecord, BuildHistoryRequest, StatusRequest, StatusResponse, UpdateBuildHistoryRequest } from '#schema/buildkit/control-messages.ts';

export type BuildRecord = MessageOf<typeof BuildHistoryRecord>;

export interface KeptReason {
  readonly name: string;
  readonly outcome: 'hit' | 'miss' | 'not asked';
  readonly causes: readonly string[];
}

const control = '/moby.buildkit.v1.Control';
const reasonsKey = 'dhow.build.reasons';

export class KeptBuilds implements AsyncDisposable {
  readonly #solver: GrpcCaller;
  readonly #signal: AbortSignal;

  constructor(solver: GrpcCaller, signal: AbortSignal) {
    this.#solver = solver;
    this.#signal = signal;
  }

  static async open(client: Client, signal: AbortSignal): Promise<KeptBuilds> {
    return new KeptBuilds(await client.builds.openSolver(), signal);
  }

  /** Newest first. */
  async list(): Promise<BuildRecord[]> {
    const records: BuildRecord[] = [];
    for await (const message of this.#call(`${control}/ListenBuildHistory`, BuildHistoryRequest.encode({ earlyExit: true }))) {
      const { record } = BuildHistoryEvent.decode(message);
      if (record !== undefined) records.push(record);
    }
    return records.sort((a, b) => startOf(b) - startOf(a));
  }

  /** The build that this begins the name of; the newest for an empty text. @throws CommandFailure */
  async find(text: string): Promise<BuildRecord> {
    const records = await this.list();
    const found = text === '' ? records.slice(0, 1) : records.filter(({ ref }) => ref === text || ref.startsWith(text));
    const [record, ...more] = found;
    if (record === undefined) throw new CommandFailure(text === '' ? 'no builds are kept' : `no build ${text} is kept: "dhow build history ls" lists those that are`);
    if (more.length > 0 && record.ref !== text) throw new CommandFailure(`${text} begins the names of ${found.length} builds: give more of it`);
    return record;
  }

  /** All that a build told. */
  async *told(ref: string): AsyncGenerator<StatusResponse> {
    for await (const message of this.#call(`${control}/Status`, StatusRequest.encode({ ref }))) yield StatusResponse.decode(message);
  }

  async remove(ref: string): Promise<void> {
    await this.#solver.unary(`${control}/UpdateBuildHistory`, UpdateBuildHistoryRequest.encode({ ref, delete: true }), { signal: this.#signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve(this.#solver[Symbol.dispose]());
  }

  async *#call(path: string, request: Buffer): AsyncGenerator<Buffer> {
    const call = this.#solver.call(path, { signal: this.#signal });
    await call.send(request);
    call.end();
    yield* call.messages;
  }
}

/** Milliseconds since 1970. */
export function startOf({ createdAt }: BuildRecord): number {
  return (createdAt?.seconds ?? 0) * 1000 + (createdAt?.nanos ?? 0) / 1_000_000;
}

export function durationOf(record: BuildRecord): number | undefined {
  const { completedAt } = record;
  return completedAt === undefined ? undefined : completedAt.seconds * 1000 + completedAt.nanos / 1_000_000 - startOf(record);
}

export function stateOf({ completedAt, error }: BuildRecord): string {
  return completedAt === undefined ? 'Running' : error === undefined ? 'Completed' : 'Error';
}

/** Why its steps were made or found; empty where that is not known. */
export function reasonsIn({ exporterResponse }: BuildRecord): KeptReason[] {
  const text = exporterResponse[reasonsKey] ?? '';
  return text === '' ? [] : (JSON.parse(text) as KeptReason[]);
}

export function reasonsText(record: BuildRecord): string {
  const lines = reasonsIn(record).flatMap(({ name, outcome, causes }) => [`${(outcome === 'hit' ? 'HIT' : 'MISS').padEnd(5)}${name}`, ...causes.map((cause) => `     ${cause}`)]);
  return lines.map((line) => `${line}\n`).join('');
}
