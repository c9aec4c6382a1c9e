/** `port`: where a container's ports are published. */
import { rangeOfArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
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
  flags: {},
  async run({ client, arguments: [container = '', wanted = ''], stdout, signal }) {
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
