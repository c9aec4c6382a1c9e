/** `daemon stop`: ends the daemon; containers go on. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { integerFlag } from '#cli/flags/scalar-flags.ts';
import { daemonPid, endDaemon } from '#cli/service/daemon-process.ts';
import { isActive, systemctl, unitName } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'stop [OPTIONS]',
  description: 'Stop the daemon; containers go on running',
  positional: noArguments,
  flags: { timeout: integerFlag({ short: 't', initial: 30, text: 'Seconds to wait for its end' }) },
  async run({ flags, stdout, signal }) {
    const pid = daemonPid();
    if (pid === undefined) {
      stdout.writeLine('dhowd is not running');
      return 0;
    }
    // What systemd started, it would start again.
    if (isActive()) systemctl('stop', unitName);
    else await endDaemon(pid, { seconds: flags.timeout, signal });
    stdout.writeLine('dhowd has been stopped; its containers go on running');
    return 0;
  },
});
