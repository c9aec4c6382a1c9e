/** `network create`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { listFlag, mapFlag, textsFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { validateLabel } from '#cli/flags/validators.ts';
import { addressingOf } from '#cli/network/ipam-request.ts';

export const command = defineCommand({
  usage: 'create [OPTIONS] NETWORK',
  positional: exactArguments(1),
  flags: {
    attachable: booleanFlag({ text: 'Enable manual container attachment' }),
    'aux-address': mapFlag({ text: 'Auxiliary IPv4 or IPv6 addresses used by Network driver' }),
    'config-from': textFlag({ text: 'The network from which to copy the configuration' }),
    'config-only': booleanFlag({ text: 'Create a configuration only network' }),
    driver: textFlag({ short: 'd', text: 'Driver to manage the Network', initial: 'bridge' }),
    gateway: textsFlag({ text: 'IPv4 or IPv6 Gateway for the master subnet' }),
    ingress: booleanFlag({ text: 'Create swarm routing-mesh network' }),
    internal: booleanFlag({ text: 'Restrict external access to the network' }),
    'ip-range': textsFlag({ text: 'Allocate container ip from a sub-range' }),
    'ipam-driver': textFlag({ text: 'IP Address Management Driver', initial: 'default' }),
    'ipam-opt': mapFlag({ text: 'Set IPAM driver specific options' }),
    ipv4: booleanFlag({ text: 'Enable or disable IPv4 address assignment', initial: true }),
    ipv6: booleanFlag({ text: 'Enable or disable IPv6 address assignment' }),
    label: listFlag({ text: 'Set metadata on a network', validate: validateLabel }),
    opt: mapFlag({ short: 'o', text: 'Set driver specific options' }),
    scope: textFlag({ text: "Control the network's scope" }),
    subnet: textsFlag({ text: 'Subnet in CIDR format that represents a network segment' }),
  },
  async run({ client, flags, given, arguments: [name = ''], stdout, signal }) {
    const { Id } = await client.networks.create({
      Name: name,
      Driver: flags.driver,
      Scope: flags.scope,
      ...(given('ipv4') && { EnableIPv4: flags.ipv4 }),
      ...(given('ipv6') && { EnableIPv6: flags.ipv6 }),
      IPAM: { Driver: flags['ipam-driver'], Options: Object.fromEntries(flags['ipam-opt']), Config: addressingOf(flags) },
      Internal: flags.internal,
      Attachable: flags.attachable,
      Ingress: flags.ingress,
      ConfigOnly: flags['config-only'],
      ...(flags['config-from'] !== '' && { ConfigFrom: { Network: flags['config-from'] } }),
      Options: Object.fromEntries(flags.opt),
      Labels: Object.fromEntries(flags.label.map(splitPair)),
    }, signal);
    stdout.writeLine(Id);
    return 0;
  },
});

function splitPair(text: string): [name: string, value: string] {
  const cut = text.indexOf('=');
  return cut < 0 ? [text, ''] : [text.slice(0, cut), text.slice(cut + 1)];
}
