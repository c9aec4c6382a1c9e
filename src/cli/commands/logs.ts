/** `logs`. */
import { followLog } from '#cli/container/follow-log.ts';
import { readFrames } from '#client/stream-frames.ts';
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers } from '#cli/completion/object-names.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { momentText } from '#cli/moment-text.ts';

export const command = defineCommand({
  usage: 'logs [OPTIONS] CONTAINER',
  positional: exactArguments(1),
  flags: {
    details: booleanFlag({ text: 'Show extra details provided to logs' }),
    follow: booleanFlag({ short: 'f', text: 'Follow log output' }),
    since: textFlag({ text: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' }),
    tail: textFlag({ short: 'n', text: 'Number of lines to show from the end of the logs', initial: 'all' }),
    timestamps: booleanFlag({ short: 't', text: 'Show timestamps' }),
    until: textFlag({ text: 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)' }),
  },
  async run({ client, arguments: [reference = ''], flags, stdout, stderr, signal }) {
    const container = await client.containers.inspect(reference, { signal });
    const query = { ...flags, stdout: true, stderr: true, since: momentText(flags.since, 'since'), until: momentText(flags.until, 'until'), signal };
    if (flags.follow && flags.until === '') {
      await followLog({ client, container, query, stdout, stderr, signal });
      return 0;
    }
    const log = await client.containers.logs(container.Id, query);
    if (container.Config.Tty) for await (const chunk of log) await stdout.stream(chunk);
    else for await (const frame of readFrames(log)) await (frame.stream === 2 ? stderr : stdout).stream(frame.data);
    return 0;
  },
  complete: (invocation) => completeContainers(invocation, { all: true }),
});
