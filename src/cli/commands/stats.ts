/** `stats`: what containers use, once or as it changes. */
import { setTimeout as delay } from 'node:timers/promises';
import { bytesOfText } from '#base/template/go-text.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { StatsMonitor } from '#cli/container/stats-monitor.ts';
import { errorText } from '#cli/error-text.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { renderList } from '#cli/format/render-list.ts';
import { statsContext, statsFormat } from '#cli/format/stats-context.ts';
import { shortIdentifier } from '#base/identifier.ts';

/** Milliseconds between two pictures. */
const interval = 500;
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';

/** Adds and removes containers as they start and end, or are made, until the signal. */
async function followEvents({ client }: Pick<Invocation, 'client'>, monitor: StatsMonitor, { all, signal }: { all: boolean; signal: AbortSignal }): Promise<void> {
  const messages = await client.system.events({ filters: { type: ['container'], event: all ? ['create', 'destroy', 'start'] : ['start', 'die'] }, signal });
  for await (const { Action: action, Actor: actor } of messages) {
    if (action === 'die' || action === 'destroy') monitor.remove(shortIdentifier(actor.ID));
    else monitor.add(shortIdentifier(actor.ID));
  }
}

export const command = defineCommand({
  usage: 'stats [OPTIONS] [CONTAINER...]',
  positional: () => undefined,
  flags: {
    all: booleanFlag({ short: 'a', text: 'Show all containers (default shows just running)' }),
    format: textFlag({ text: listFormatText }),
    'no-stream': booleanFlag({ text: 'Disable streaming stats and only pull the first result' }),
    'no-trunc': booleanFlag({ text: 'Do not truncate output' }),
  },
  async run({ client, arguments: containers, flags, configuration, stdout, signal }) {
    const stream = !flags['no-stream'];
    const configured = configuration.file.statsFormat ?? '';
    const format = statsFormat(flags.format !== '' ? flags.format : configured !== '' ? configured : 'table');
    using monitor = new StatsMonitor(client, { stream, signal });
    const picture = (): string => renderList(format, monitor.usages().map((row) => statsContext.value({ ...row, truncate: !flags['no-trunc'] })));
    const left = new AbortController();
    let failure: unknown;
    if (containers.length > 0) {
      for (const container of containers) monitor.add(container);
      await monitor.settled();
      const errors = monitor.errors();
      if (errors.length > 0) throw new CommandFailure(errors.map(errorText).join('\n'));
    } else {
      const watched = AbortSignal.any([signal, left.signal]);
      const following = stream ? followEvents({ client }, monitor, { all: flags.all, signal: watched }) : Promise.resolve();
      following.catch((error: unknown) => void (failure = watched.aborted ? undefined : error));
      for (const { Id } of await client.containers.list({ all: flags.all, signal })) monitor.add(shortIdentifier(Id));
      await monitor.settled();
    }
    try {
      if (!stream) {
        if (monitor.usages().length > 0) stdout.write(bytesOfText(picture()));
        return 0;
      }
      for (;;) {
        await delay(interval);
        signal.throwIfAborted();
        if (failure !== undefined) throw failure;
        // As Docker does: the new picture, and once more with what is left of the one before it wiped off.
        const text = `${home}${picture()}`;
        const wiped = text.split('\n').map((line) => `${line} ${clearLine}\n`);
        stdout.write(bytesOfText(`${text}${wiped.join('')}${clearBelow}`));
      }
    } finally {
      left.abort();
    }
  },
  complete: (invocation) => completeContainers(invocation, { all: invocation.flags.all }),
});
