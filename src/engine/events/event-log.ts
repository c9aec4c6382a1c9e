/**
 * The engine's facts in order: the newest are kept for `since`, and live listeners get each one. A
 * listener that is slow gets a queue of its own; it never delays the others.
 */
import { nowNanoseconds } from '#base/timestamp.ts';
import type { EventMessage } from '#schema/event-message.ts';

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

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** Records what happened now. */
  publish(draft: EventDraft): void {
    const nanoseconds = nowNanoseconds();
    const event: EventMessage = {
      ...legacyFields(draft),
      Type: draft.type,
      Action: draft.action,
      Actor: { ID: draft.id, Attributes: sorted(draft.attributes) },
      scope: 'local',
      time: Number(nanoseconds / 1_000_000_000n),
      // A double: exact to a quarter of a microsecond.
      timeNano: Number(nanoseconds),
    };
    this.#kept.push(event);
    if (this.#kept.length > keptEvents) this.#kept.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Past events from `since` (undefined: none), then live ones up to `until` (both in nanoseconds) or until the signal aborts. */
  async *read(options: { since: bigint | undefined; until: bigint | undefined; signal: AbortSignal }): AsyncGenerator<EventMessage, void, void> {
    const { since, until, signal } = options;
    const queue: EventMessage[] = since === undefined ? [] : this.#kept.filter((event) => BigInt(event.timeNano) >= since);
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
      while (!signal.aborted && !cut) {
        const event = queue.shift();
        if (event !== undefined) {
          if (until === undefined || BigInt(event.timeNano) <= until) yield event;
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
