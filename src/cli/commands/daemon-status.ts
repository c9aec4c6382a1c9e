/** `daemon status`: whether the daemon runs, and what it is. */
import { Client } from '#client/client.ts';
import { ConnectionError } from '#client/client-error.ts';
import { parseEndpoint } from '#client/endpoint.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { daemonLog } from '#cli/daemon-launch.ts';
import { alignColumns } from '#cli/format/align-columns.ts';
import { daemonPid } from '#cli/service/daemon-process.ts';
import { isActive, isInstalled, unitName } from '#cli/service/systemd.ts';

interface Facts {
  readonly ServerVersion: string;
  readonly DockerRootDir: string;
  readonly Containers: number;
  readonly ContainersRunning: number;
}

/** The exit code of a service that does not run, as the Linux Standard Base has it. */
const notRunning = 3;

export const command = defineCommand({
  usage: 'status',
  description: "Show whether the daemon runs, and what it is",
  positional: noArguments,
  flags: {},
  async run({ endpoint, stdout, signal }) {
    // Asking must not start a daemon, as other commands do.
    await using client = new Client({ endpoint: parseEndpoint(endpoint) });
    const pid = daemonPid();
    const byService = isActive();
    let facts: Facts | undefined;
    try {
      facts = await client.transport.json<Facts>({ method: 'GET', path: '/info', signal });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
    const state = facts !== undefined ? 'running' : pid === undefined ? 'not running' : 'starting, or not answering';
    const rows = [
      ['State:', state],
      ...(pid === undefined ? [] : [['PID:', String(pid)]]),
      ...(facts === undefined ? [] : [
        ['Version:', facts.ServerVersion],
        ['Socket:', endpoint],
        ['Data root:', facts.DockerRootDir],
        ['Containers:', `${facts.ContainersRunning} running, ${facts.Containers} in all`],
      ]),
      ['Service:', byService ? `${unitName} of systemd` : isInstalled() ? `${unitName} of systemd, not active` : 'not installed'],
      ['Log:', byService ? `journalctl -u ${unitName}` : daemonLog],
    ];
    stdout.write(alignColumns(rows.map((row) => `${row.join('\t')}\n`).join(''), { minimumWidth: 0, padding: 2 }));
    return facts === undefined ? notRunning : 0;
  },
});
