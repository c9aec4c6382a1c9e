/** `daemon start`. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { startDaemon } from '#cli/daemon-launch.ts';
import { daemonPid } from '#cli/service/daemon-process.ts';
import { isInstalled, systemctl, unitName } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'start',
  description: 'Start the daemon in the background',
  positional: noArguments,
  flags: {},
  async run({ stdout, stderr }) {
    const running = daemonPid();
    if (running !== undefined) {
      stdout.writeLine(`dhowd is running already (PID ${running})`);
      return 0;
    }
    if (isInstalled()) systemctl('start', unitName);
    else if (!await startDaemon(stderr)) {
      throw new CommandFailure(process.getuid?.() === 0
        ? 'dhowd cannot be started: bin/dhowd.mjs is not beside this program'
        : 'dhowd cannot be started: only root may do so (try it with sudo)');
    }
    stdout.writeLine(`dhowd has been started (PID ${daemonPid() ?? 'unknown'})`);
    return 0;
  },
});
