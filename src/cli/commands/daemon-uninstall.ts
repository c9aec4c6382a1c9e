/** `daemon uninstall`: the daemon is no service any more. Containers go on, images and volumes stay. */
import { rmSync } from 'node:fs';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { errnoText } from '#cli/errno-text.ts';
import { isInstalled, socketUnitName, socketUnitPath, systemctl, unitName, unitPath } from '#cli/service/systemd.ts';

export const command = defineCommand({
  usage: 'uninstall',
  description: 'Stop the service and remove it; containers go on running, data stays',
  positional: noArguments,
  flags: {},
  async run({ stdout }) {
    if (!isInstalled()) {
      stdout.writeLine('the service is not installed');
      return 0;
    }
    systemctl('disable', '--now', unitName, socketUnitName);
    try {
      rmSync(unitPath);
      rmSync(socketUnitPath, { force: true });
    } catch (error) {
      throw new CommandFailure(`remove ${unitPath}: ${errnoText(error)}`, 1, error);
    }
    systemctl('daemon-reload');
    stdout.writeLine(`${unitName} has been stopped and removed`);
    return 0;
  },
});
