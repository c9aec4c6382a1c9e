/** `network connect`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { completeContainers, completeNetworks } from '#cli/completion/object-names.ts';
import { listFlag, textsFlag } from '#cli/flags/list-flags.ts';
import { integerFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { validateLink } from '#cli/flags/validators.ts';

export const command = defineCommand({
  usage: 'connect [OPTIONS] NETWORK CONTAINER',
  positional: exactArguments(2),
  flags: {
    alias: textsFlag({ text: 'Add network-scoped alias for the container' }),
    'driver-opt': textsFlag({ text: 'driver options for the network' }),
    'gw-priority': integerFlag({ text: 'Highest gw-priority provides the default gateway. Accepts positive and negative values.' }),
    ip: textFlag({ text: 'IPv4 address (e.g., "172.30.100.104")' }),
    ip6: textFlag({ text: 'IPv6 address (e.g., "2001:db8::33")' }),
    link: listFlag({ text: 'Add link to another container', validate: validateLink }),
    'link-local-ip': textsFlag({ text: 'Add a link-local address for the container' }),
  },
  async run({ client, flags, arguments: [network = '', container = ''], signal }) {
    const addresses = flags['link-local-ip'];
    await client.networks.connect(network, {
      Container: container,
      EndpointConfig: {
        IPAMConfig: {
          ...(flags.ip !== '' && { IPv4Address: flags.ip }),
          ...(flags.ip6 !== '' && { IPv6Address: flags.ip6 }),
          ...(addresses.length > 0 && { LinkLocalIPs: [...addresses] }),
        },
        Links: flags.link.length === 0 ? null : flags.link.map((link) => (link.includes(':') ? link : `${link}:${link}`)),
        Aliases: [...flags.alias],
        DriverOpts: Object.fromEntries(flags['driver-opt'].map(readOption)),
        GwPriority: flags['gw-priority'],
      },
    }, signal);
    return 0;
  },
  complete: (invocation) => (invocation.arguments.length === 0 ? completeNetworks(invocation) : completeContainers(invocation, { all: true })),
});

function readOption(text: string): [name: string, value: string] {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new Error('invalid key/value pair format in driver options');
  return [text.slice(0, cut), text.slice(cut + 1)];
}
