/** `port`: where a container's ports are published. */
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag } from '#cli/flags/scalar-flags.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import type { PortBinding } from '#schema/container-config.ts';
import { quoteText } from '#base/template/go-quote.ts';

function addressText({ HostIp: address, HostPort: port }: PortBinding): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function checkPort(port: string): void {
  const reason = !/^[0-9]+$/.test(port) ? 'invalid syntax' : Number(port) > 65_535 ? 'value out of range' : undefined;
  if (reason !== undefined) throw new CommandFailure(`Error: invalid port (${port}): strconv.ParseUint: parsing ${quoteText(port)}: ${reason}`);
}

export const command = defineCommand({
  usage: 'port CONTAINER [PRIVATE_PORT[/PROTO]]',
  positional: rangeOfArguments(1, 2),
  flags: { reach: booleanFlag({ text: 'Tell who can reach each port, and which firewall rule decides', isOwn: true }) },
  async run({ client, arguments: [container = '', wanted = ''], flags, stdout, signal }) {
    if (flags.reach) {
      if (wanted !== '') checkPort(wanted.split('/')[0] ?? '');
      const asked = wanted === '' || wanted.includes('/') ? wanted : `${wanted}/tcp`;
      const reached = (await client.containers.reach(container, signal)).filter(({ Port }) => asked === '' || Port === asked);
      if (wanted !== '' && reached.length === 0) throw new CommandFailure(`Error: No public port '${wanted}' published for ${container}`);
      for (const line of reached.map((reach) => `${reach.Port} -> ${addressText(reach)}: ${reach.Summary}`).sort(compareNaturally)) stdout.writeLine(line);
      return 0;
    }
    const { NetworkSettings: { Ports: ports } } = await client.containers.inspect(container, { signal });
    const lines: string[] = [];
    if (wanted === '') {
      for (const [port, bindings] of Object.entries(ports ?? {})) {
        for (const binding of bindings ?? []) lines.push(`${port} -> ${addressText(binding)}`);
      }
    } else {
      const [port = '', protocol = ''] = wanted.split('/', 2);
      checkPort(port);
      const bindings = ports?.[`${port}/${protocol === '' ? 'tcp' : protocol}`] ?? [];
      if (bindings.length === 0) throw new CommandFailure(`Error: No public port '${wanted}' published for ${container}`);
      lines.push(...bindings.map(addressText));
    }
    for (const line of lines.sort(compareNaturally)) stdout.writeLine(line);
    return 0;
  },
});
