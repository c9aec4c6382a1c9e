/** `events`: what happens in the engine, as it happens. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { fixedNanoText } from '#cli/format/local-time.ts';
import { eventType } from '#cli/format/types/system-types.ts';
import { readThroughDaemons } from '#cli/next-daemon.ts';
import { filtersText } from '#client/query.ts';
import { isFailure } from '#base/errors/failure.ts';
import { parseJsonDocument } from '#base/json-document.ts';
import { momentFault } from '#base/moment-fault.ts';
import { parsePastMoment } from '#base/past-moment.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { decodeJson } from '#base/template/go-json.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import { pointerTo } from '#base/template/go-type.ts';
import { integerOf, sortedEntries, textOf, zeroOf, type GoValue } from '#base/template/go-value.ts';
import { fieldByName } from '#base/template/struct-field.ts';
import { Template } from '#base/template/template.ts';
import { nowNanoseconds } from '#base/timestamp.ts';

function makeTemplate(format: string): Template | undefined {
  if (format === '') return undefined;
  try {
    const template = new Template('', format === 'json' ? '{{json .}}' : format, dockerFunctions);
    // One that is wrong is found out before the first event.
    template.execute({ type: pointerTo(eventType), data: zeroOf(eventType) });
    return template;
  } catch (error) {
    if (!isFailure(error, 'template.syntax') && !isFailure(error, 'template.execution')) throw error;
    throw new CommandFailure(`Error parsing format: ${error.message}`, 64, error);
  }
}

function momentParameter(text: string): string | undefined {
  if (text === '') return undefined;
  const moment = parsePastMoment(text, nowNanoseconds());
  if (moment === undefined) throw new CommandFailure(momentFault(text));
  return parameterOf(moment);
}

function parameterOf(moment: bigint): string {
  const seconds = moment / 1_000_000_000n;
  return `${seconds}.${(moment - seconds * 1_000_000_000n).toString().padStart(9, '0')}`;
}

/** Which events were shown, so that the next daemon can be asked for those that follow. */
class SeenEvents {
  readonly #since: string | undefined;
  readonly #began = nowNanoseconds();
  #opened = false;
  #time = 0n;
  #count = 0;
  /** Of that time, to be passed over. */
  #passing = { time: 0n, count: 0 };

  constructor(since: string | undefined) {
    this.#since = since;
  }

  /** What to ask for as `since`. */
  beginAgain(): string | undefined {
    if (!this.#opened) {
      this.#opened = true;
      return this.#since;
    }
    // One daemon may end before it has come to where the one before it did.
    if (this.#passing.time !== this.#time || this.#count > this.#passing.count) this.#passing = { time: this.#time, count: this.#count };
    this.#count = 0;
    return this.#time !== 0n ? parameterOf(this.#time) : (this.#since ?? parameterOf(this.#began));
  }

  isNew(time: bigint): boolean {
    if (time !== this.#time) this.#count = 0;
    this.#time = time;
    this.#count++;
    return time !== this.#passing.time || this.#count > this.#passing.count;
  }
}

function member(value: GoValue, name: string): GoValue {
  const found = fieldByName(value, name);
  if (found === undefined || typeof found === 'string') throw new Error(`bug: an event has no ${name}`);
  return found;
}

/** `TIME TYPE ACTION ID (name=value, …)`. */
function eventLine(event: GoValue): string {
  const nanoseconds = integerOf(member(event, 'TimeNano'));
  const seconds = integerOf(member(event, 'Time'));
  const time = nanoseconds !== 0n ? `${fixedNanoText(nanoseconds)} ` : seconds !== 0n ? `${fixedNanoText(seconds * 1_000_000_000n)} ` : '';
  const actor = member(event, 'Actor');
  const attributes = sortedEntries(member(actor, 'Attributes')).map(([name, value]) => `${textOf(name)}=${textOf(value)}`);
  const what = [member(event, 'Type'), member(event, 'Action'), member(actor, 'ID')].map(textOf).join(' ');
  return `${time}${what}${attributes.length === 0 ? '' : ` (${attributes.join(', ')})`}\n`;
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const part of body) {
    const lines = (held + decoder.decode(part, { stream: true })).split('\n');
    held = lines.pop() ?? '';
    yield* lines;
  }
  yield held;
}

export const command = defineCommand({
  usage: 'events [OPTIONS]',
  positional: noArguments,
  flags: {
    filter: filterFlag({ short: 'f', text: 'Filter output based on conditions provided' }),
    format: textFlag({ text: inspectFormatText }),
    since: textFlag({ text: 'Show all events created since timestamp' }),
    until: textFlag({ text: 'Stream events until this timestamp' }),
  },
  async run({ client, flags, stdout, signal }) {
    const template = makeTemplate(flags.format);
    const until = momentParameter(flags.until);
    const seen = new SeenEvents(momentParameter(flags.since));
    const open = async (): Promise<AsyncIterable<Uint8Array>> => {
      const query = { since: seen.beginAgain(), until, filters: filtersText(flags.filter) };
      return (await client.transport.request({ method: 'GET', path: '/events', signal, query })).body;
    };
    const read = async (body: AsyncIterable<Uint8Array>): Promise<void> => {
      for await (const line of linesOf(body)) {
        if (line.trim() === '') continue;
        // Times are read as they are written: as numbers they would be rounded.
        const event = decodeJson(eventType, parseJsonDocument(line));
        if (!seen.isNew(integerOf(member(event, 'TimeNano')))) continue;
        if (template === undefined) stdout.write(eventLine(event));
        else showEvent(template, event, (text) => stdout.write(bytesOfText(text)));
      }
    };
    await readThroughDaemons({ transport: client.transport, signal, open, read });
    return 0;
  },
});

/** What the template made before it failed is shown too. */
function showEvent(template: Template, event: GoValue, write: (text: string) => void): void {
  const parts: string[] = [];
  try {
    template.executeTo((part) => parts.push(part), event);
  } finally {
    write(`${parts.join('')}\n`);
  }
}
