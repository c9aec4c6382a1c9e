/** What a step wrote, by lines with the seconds since its start, as BuildKit's clients print it. */
import { StringDecoder } from 'node:string_decoder';
import type { Timestamp } from '#schema/buildkit/common-messages.ts';
import type { VertexLog } from '#schema/buildkit/control-messages.ts';
import { stepSeconds } from './progress-text.ts';

export class TimedLines {
  readonly #decoders = new Map<number, StringDecoder>();
  /** The line that each stream has begun. */
  readonly #partial = new Map<number, { readonly text: string; readonly time: string }>();

  /** Answers the lines that this completes. */
  take({ stream, message, timestamp }: Omit<VertexLog, 'vertex'>, started: Timestamp | undefined): string[] {
    let decoder = this.#decoders.get(stream);
    if (decoder === undefined) {
      decoder = new StringDecoder('utf8');
      this.#decoders.set(stream, decoder);
    }
    const now = stepSeconds(started, timestamp).toFixed(3);
    const before = this.#partial.get(stream);
    const [first = '', ...rest] = decoder.write(message).split('\n');
    const lines = [{ text: `${before?.text ?? ''}${first}`, time: before?.time ?? now }, ...rest.map((text) => ({ text, time: now }))];
    const last = lines.pop();
    if (last === undefined || last.text === '') this.#partial.delete(stream);
    else this.#partial.set(stream, last);
    return lines.map(shown);
  }

  /** What was begun and not ended. */
  rest(): string[] {
    const lines = [...this.#partial.values()].map(shown);
    this.#partial.clear();
    return lines;
  }
}

export function timedLines(logs: readonly VertexLog[], started: Timestamp | undefined): string[] {
  const lines = new TimedLines();
  return [...logs.flatMap((log) => lines.take(log, started)), ...lines.rest()];
}

function shown({ text, time }: { readonly text: string; readonly time: string }): string {
  return `${time} ${text.replace(/\r$/, '')}`;
}
