/** `daemon logs`: what the daemon tells, from its file or systemd's journal. */
import { existsSync } from 'node:fs';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { daemonLog } from '#cli/daemon-launch.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { showFile } from '#cli/service/follow-file.ts';
import { isActive, showJournal } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'logs [OPTIONS]',
  description: "Show the daemon's log",
  positional: noArguments,
  flags: {
    follow: booleanFlag({ short: 'f', text: 'Follow log output' }),
    tail: textFlag({ short: 'n', initial: 'all', text: 'Number of lines to show from the end of the log' }),
  },
  async run({ flags, stdout, signal }) {
    const { follow, tail } = flags;
    if (tail !== 'all' && !/^[0-9]+$/.test(tail)) throw new CommandFailure(`--tail takes a number of lines or "all", not "${tail}"`);
    if (isActive()) return await showJournal({ follow, tail, signal });
    if (!existsSync(daemonLog)) throw new CommandFailure(`there is no log: ${daemonLog} is written by a daemon that "dhow daemon start" has started`);
    await showFile(daemonLog, { lines: tail === 'all' ? -1 : Number(tail), follow, output: stdout, signal });
    return 0;
  },
});
