/** `daemon upgrade`: a daemon of the program that is installed now takes over from the one that runs. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { daemonLog, replaceDaemon } from '#cli/daemon-launch.ts';
import { daemonPid } from '#cli/service/daemon-process.ts';
import { isActive, systemctl, unitName } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'upgrade',
  description: 'Replace the running daemon by the one that is installed now; containers, execs and clients go on',
  positional: noArguments,
  flags: {},
  async run({ stdout, signal }) {
    const before = daemonPid();
    if (before === undefined) throw new CommandFailure('dhowd is not running: start it with "dhow daemon start"');
    // systemd keeps the socket meanwhile: nobody is refused.
    if (isActive()) systemctl('restart', unitName);
    else if (!await replaceDaemon(() => daemonPid() !== before, signal)) {
      throw new CommandFailure(process.getuid?.() === 0
        ? `the next dhowd did not take over: its log ${daemonLog} tells why`
        : 'dhowd cannot be replaced: only root may do so (try it with sudo)');
    }
    stdout.writeLine(`dhowd has been replaced (PID ${before}, now ${daemonPid() ?? 'unknown'})`);
    return 0;
  },
});
