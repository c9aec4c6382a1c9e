/** `daemon install`: the daemon as a service that starts with the system. */
import { writeFileSync } from 'node:fs';
import { defaultSocketPath } from '#client/endpoint.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { daemonEntry } from '#cli/daemon-launch.ts';
import { errnoText } from '#cli/errno-text.ts';
import { daemonPid, endDaemon } from '#cli/service/daemon-process.ts';
import { isActive, isSystemdRunning, systemctl, socketUnitName, socketUnitPath, socketUnitText, unitName, unitPath, unitText } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'install',
  description: 'Make the daemon a service of systemd, started with the system',
  positional: noArguments,
  flags: {},
  async run({ stdout, signal }) {
    if (!isSystemdRunning()) {
      throw new CommandFailure('the service cannot be installed: systemd does not run this system (there is no /run/systemd/system). Start the daemon with "dhow daemon start"');
    }
    const entry = daemonEntry();
    if (entry === undefined) throw new CommandFailure('the service cannot be installed: bin/dhowd.mjs is not beside this program');
    try {
      writeFileSync(unitPath, unitText(process.execPath, entry), { mode: 0o644 });
      writeFileSync(socketUnitPath, socketUnitText(defaultSocketPath), { mode: 0o644 });
    } catch (error) {
      throw new CommandFailure(`the service cannot be installed: open ${unitPath}: ${errnoText(error)}`, 1, error);
    }
    systemctl('daemon-reload');
    // One that was started by hand would hold the data root.
    const pid = isActive() ? undefined : daemonPid();
    if (pid !== undefined) await endDaemon(pid, { seconds: 30, signal });
    systemctl('enable', unitName, socketUnitName);
    systemctl('restart', unitName);
    stdout.writeLine(`${unitName} has been installed, enabled and started`);
    return 0;
  },
});
