/** The firewall table of this engine: loaded once at start, then kept in step with the published ports element by element. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { loadRuleset } from '#kernel/nftables/load-ruleset.ts';
import { elementField, NetfilterSocket, type DroppingChain, type MapElement } from '#kernel/nftables/netfilter-socket.ts';
import { bridgeRemoval, bridgeRules, firewallRuleset, type FirewallBridge } from './firewall-ruleset.ts';
import { protocolNumbers, type Protocol } from './port-specification.ts';

/** One published IPv4 port. */
export interface PortTranslation {
  readonly protocol: Protocol;
  /** `0.0.0.0`: every address of the host. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
}

export class Firewall implements Disposable {
  readonly #table: string;
  readonly #socket = new NetfilterSocket();

  constructor(table: string) {
    this.#table = table;
  }

  /** Makes the table as it has to be, in one transaction; connections go on. @throws network.firewall_failed */
  async load(bridges: readonly FirewallBridge[], options: { loopback: boolean; translations: readonly PortTranslation[] }): Promise<void> {
    const value = (translation: PortTranslation): string => `${translation.containerAddress} . ${translation.containerPort}`;
    const key = (translation: PortTranslation): string => `${translation.protocol} . ${translation.hostPort}`;
    const everywhere = options.translations.filter(({ hostAddress }) => hostAddress === '0.0.0.0');
    const bound = options.translations.filter(({ hostAddress }) => hostAddress !== '0.0.0.0');
    await loadRuleset(firewallRuleset({
      table: this.#table,
      bridges,
      loopback: options.loopback,
      ports: everywhere.map((translation) => `${key(translation)} : ${value(translation)}`),
      addressPorts: bound.map((translation) => `${translation.hostAddress} . ${key(translation)} : ${value(translation)}`),
    }));
  }

  /** Lets a new bridge in. @throws network.firewall_failed, also when somebody took the table away: load it again */
  async addBridge(bridge: FirewallBridge): Promise<void> {
    await loadRuleset(bridgeRules(this.#table, bridge));
  }

  /** @throws network.firewall_failed, as {@link addBridge} */
  async removeBridge(bridge: FirewallBridge): Promise<void> {
    await loadRuleset(bridgeRemoval(this.#table, bridge));
  }

  /**
   * All or none. Flows of datagrams to the port that were there before are translated from now on.
   * @throws network.firewall_gone when somebody took the table away: load it again
   */
  add(translations: readonly PortTranslation[]): void {
    const elements = translations.map(mapElement);
    try {
      this.#socket.addElements(this.#table, elements);
    } catch (error) {
      if (isMissing(error)) throw fail('network.firewall_gone', { table: this.#table }, error);
      if (!isFailure(error, 'kernel.syscall_failed') || (error.details['errno'] !== 'EEXIST' && error.details['errno'] !== 'EBUSY')) throw error;
      // Left by an engine that was killed half way; the port is ours, as its socket is.
      this.#removeEach(elements);
      this.#socket.addElements(this.#table, elements);
    }
    this.#forgetDatagramFlows(translations);
  }

  /** What is gone already is no error. */
  remove(translations: readonly PortTranslation[]): void {
    const elements = translations.map(mapElement);
    try {
      this.#socket.removeElements(this.#table, elements);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#removeEach(elements);
    }
    this.#forgetDatagramFlows(translations);
  }

  /** Chains of others that stop forwarded packets unless one of their rules lets them pass. */
  obstacles(): DroppingChain[] {
    return this.#socket.droppingForwardChains().filter(({ table }) => table !== this.#table);
  }

  #removeEach(elements: readonly MapElement[]): void {
    for (const element of elements) {
      try {
        this.#socket.removeElements(this.#table, [element]);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }

  #forgetDatagramFlows(translations: readonly PortTranslation[]): void {
    for (const { protocol, hostPort } of translations) {
      // A TCP connection ends with its container; datagrams go on to wherever they went first.
      if (protocol === 'udp') this.#socket.forgetFlows(protocolNumbers[protocol], hostPort);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function isMissing(error: unknown): boolean {
  return isFailure(error, 'kernel.syscall_failed') && error.details['errno'] === 'ENOENT';
}

function mapElement(translation: PortTranslation): MapElement {
  const port = [elementField.protocol(protocolNumbers[translation.protocol]), elementField.port(translation.hostPort)];
  const value = Buffer.concat([elementField.address(translation.containerAddress), elementField.port(translation.containerPort)]);
  if (translation.hostAddress === '0.0.0.0') return { map: 'ports', key: Buffer.concat(port), value };
  return { map: 'address_ports', key: Buffer.concat([elementField.address(translation.hostAddress), ...port]), value };
}
