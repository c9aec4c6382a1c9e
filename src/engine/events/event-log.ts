/**
 * The engine's facts in order: kept for `since`, the newest in memory and all of them in an archive that outlives
 * the daemon, and given to live listeners. A listener that is slow gets a queue of its own; it never delays the others.
 */
import { nowNanoseconds } from '#base/timestamp.ts';
import type { EventMessage } from '#schema/event-message.ts';
import type { EventArchive } from './event-archive.ts';

/** As many as Docker keeps. */
const keptEvents = 256;

/** How many events a slow listener may lag behind before it is cut off. */
const listenerLimit = 65_536;

export interface EventDraft {
  readonly type: EventMessage['Type'];
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export class EventLog {
  readonly #kept: EventMessage[] = [];
  readonly #listeners = new Set<(event: EventMessage) => void>();
  readonly #archive: EventArchive | undefined;
  #last = 0n;
  #retired = false;
  #published = 0;

  /** @param archive undefined: nothing is kept beyond this log's life */
  constructor(archive?: EventArchive) {
    this.#archive = archive;
  }

  /** How many there were since this log was opened. */
  get published(): number {
    return this.#published;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** From now on another daemon records what happens. */
  retire(): void {
    this.#retired = true;
  }

  /** Records what happened now. */
  publish(draft: EventDraft): void {
    if (this.#retired) return;
    this.#published++;
    const nanoseconds = nowNanoseconds();
    const event: EventMessage = {
      ...legacyFields(draft),
      Type: draft.type,
      Action: draft.action,
      Actor: { ID: draft.id, Attributes: sorted(draft.attributes) },
      scope: 'local',
      time: Number(nanoseconds / 1_000_000_000n),
      timeNano: nanoseconds,
    };
    this.#last = nanoseconds;
    this.#archive?.append(event);
    this.#kept.push(event);
    if (this.#kept.length > keptEvents) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Past events from `since` (undefined: none, or with `until` the newest), then live ones up to `until` (both in nanoseconds) or until the signal aborts. */
  async *read(options: { since: bigint | undefined; until: bigint | undefined; signal: AbortSignal }): AsyncGenerator<EventMessage, void, void> {
    const { since, until, signal } = options;
    const queue: EventMessage[] = [];
    const past = this.#past(since, until);
    let wake: () => void = () => undefined;
    let cut = false;
    const listener = (event: EventMessage): void => {
      if (queue.length >= listenerLimit) cut = true;
      else queue.push(event);
      wake();
    };
    const onAbort = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener('abort', onAbort);
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    if (until !== undefined) {
      const rest = Number(until - nowNanoseconds()) / 1e6;
      if (rest <= 0) ended = true;
      else if (rest < 2 ** 31) {
        timer = setTimeout(() => {
          ended = true;
          wake();
        }, rest);
      }
    }
    try {
      for await (const event of past) {
        if (signal.aborted) return;
        yield event;
      }
      while (!signal.aborted && !cut) {
        const event = queue.shift();
        if (event !== undefined) {
          // Who has seen it finds it there again, whatever becomes of this daemon.
          this.#archive?.flush();
          if (until === undefined || event.timeNano <= until) yield event;
          continue;
        }
        if (ended) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (signal.aborted) resolve();
        });
      }
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      this.#listeners.delete(listener);
    }
  }

  /** What was published before this call. */
  #past(since: bigint | undefined, until: bigint | undefined): AsyncIterable<EventMessage> | EventMessage[] {
    if (since === undefined && until === undefined) return [];
    const end = until === undefined || until > this.#last ? this.#last : until;
    const oldest = this.#kept[0];
    const remembered = oldest !== undefined && (since === undefined ? this.#kept.length === keptEvents : oldest.timeNano <= since);
    if (remembered || this.#archive === undefined) return this.#kept.filter((event) => event.timeNano >= (since ?? 0n) && event.timeNano <= end);
    // Events of daemons before this one are later than none of its own.
    const bound = this.#last === 0n ? (until ?? nowNanoseconds()) : end;
    return since === undefined ? newestOf(this.#archive.read(0n, bound)) : this.#archive.read(since, bound);
  }
}

async function* newestOf(events: AsyncIterable<EventMessage>): AsyncGenerator<EventMessage> {
  const newest: EventMessage[] = [];
  for await (const event of events) {
    newest.push(event);
    if (newest.length > keptEvents) newest.shift();
  }
  yield* newest;
}

/** `status`, `id`, `from`: what API versions before 1.22 had, still sent for containers and images. */
function legacyFields(draft: EventDraft): Pick<EventMessage, 'status' | 'id' | 'from'> {
  if (draft.type === 'container') return { status: draft.action, id: draft.id, from: draft.attributes['image'] ?? '' };
  if (draft.type === 'image') return { status: draft.action, id: draft.id };
  return {};
}

function sorted(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
