/** The firewall tables of this engine: loaded once at start, then kept in step with the published ports element by element. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { loadRuleset } from '#kernel/nftables/load-ruleset.ts';
import { elementField, NetfilterSocket, type DroppingChain } from '#kernel/nftables/netfilter-socket.ts';
import type { MapElement, NetfilterTransaction } from '#kernel/nftables/transaction.ts';
import { addBridgeRules, adminChain, chainRemoval, firewallRuleset, ownRules, removeBridgeRules, tableRemoval, type FirewallBridge, type FirewallElements } from './firewall-ruleset.ts';
import { protocolNumbers, type Protocol } from './port-specification.ts';

/** One published port, of either family. */
export interface PortTranslation {
  readonly protocol: Protocol;
  /** `0.0.0.0` or `::`: every address of the host. */
  readonly hostAddress: string;
  /** 0: nothing is translated. */
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
  /** The port can be reached at the container's own address, as far as its network allows that at all. */
  readonly open: boolean;
}

type Family = 4 | 6;

export class Firewall implements Disposable {
  readonly #table: string;
  readonly #families: readonly Family[];
  readonly #direct: boolean;
  readonly #socket = new NetfilterSocket();
  #hasSix = false;
  /** By interface: those whose rules are loaded. */
  readonly #bridges = new Map<string, FirewallBridge>();
  /** Changes that are under way. */
  #changing = 0;
  #generation = 0;

  /** @param options.families which get a table; by default both */
  constructor(table: string, options: { readonly families?: readonly Family[] | undefined; readonly direct?: boolean | undefined } = {}) {
    this.#table = table;
    this.#families = options.families ?? [4, 6];
    this.#direct = options.direct ?? false;
  }

  /** Whether packets of the family are filtered and translated at all. */
  serves(family: Family): boolean {
    return this.#families.includes(family);
  }

  /** Whether the table of IPv6 is still to be made: that is done with the first network that needs it. */
  get lacksSix(): boolean {
    return this.serves(6) && !this.#hasSix;
  }

  /** Makes the tables as they have to be, in one transaction; connections go on. @throws network.firewall_failed */
  async load(all: readonly FirewallBridge[], options: { loopback: boolean; translations: readonly PortTranslation[] }): Promise<void> {
    const bridges = all.map((bridge) => this.#served(bridge));
    await this.#change(() => this.#load(bridges, options));
    this.#bridges.clear();
    for (const bridge of bridges) this.#bridges.set(bridge.interface, bridge);
  }

  async #load(bridges: readonly FirewallBridge[], options: { loopback: boolean; translations: readonly PortTranslation[] }): Promise<void> {
    const six = this.#hasSix || bridges.some((bridge) => bridge.six !== undefined);
    const families = this.#families.filter((family) => family === 4 || six);
    await this.#withdraw();
    if (families.length === 0) return;
    const rulesets = families.map((family) => firewallRuleset({
      table: this.#table,
      family,
      bridges,
      loopback: options.loopback,
      elements: elementsOf(options.translations.filter(({ containerAddress }) => containerAddress.includes(':') === (family === 6))),
    }));
    try {
      await loadRuleset(rulesets.join(''));
    } catch (error) {
      if (!isFailure(error, 'network.firewall_failed')) throw error;
      // A table of another shape, or one that somebody tampered with, cannot be brought to this state.
      await loadRuleset([...families.map((family) => tableRemoval(this.#table, family)), ...rulesets].join(''));
    }
    this.#hasSix = six;
  }

  /** Takes away what a daemon that served more families has left; of the administrator's rules nothing is lost. */
  async #withdraw(): Promise<void> {
    const left = ([4, 6] as const).filter((family) => !this.serves(family) && this.#socket.hasTable(family, this.#table));
    const removals = left.map((family) => (this.#socket.chainsOfRules(family, this.#table).includes(adminChain) ? chainRemoval(this.#table, family) : tableRemoval(this.#table, family)));
    if (removals.length > 0) await loadRuleset(removals.join(''));
  }

  /** A bridge without the families that have no table. */
  #served(bridge: FirewallBridge): FirewallBridge {
    return { ...bridge, direct: this.#direct, four: this.serves(4) ? bridge.four : undefined, six: this.serves(6) ? bridge.six : undefined };
  }

  /** Lets a new bridge in. @throws network.firewall_gone when somebody took a table away: load it again */
  addBridge(added: FirewallBridge): void {
    const bridge = this.#served(added);
    this.#apply((transaction) => addBridgeRules(transaction, bridge));
    this.#bridges.set(bridge.interface, bridge);
  }

  /** @throws network.firewall_gone, as {@link addBridge} */
  removeBridge(removed: FirewallBridge): void {
    const bridge = this.#served(removed);
    this.#bridges.delete(bridge.interface);
    this.#apply((transaction) => removeBridgeRules(transaction, bridge));
  }

  #apply(write: (transaction: NetfilterTransaction) => void): void {
    try {
      this.#socket.change(this.#table, write);
    } catch (error) {
      if (isFailure(error, 'kernel.syscall_failed')) throw fail('network.firewall_gone', { table: this.#table }, error);
      throw error;
    }
  }

  /** The number of the last change of any table that {@link isDamaged} has seen. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether rules of this engine's own were taken away by somebody since they were loaded. Costs next to nothing while no table changes. */
  isDamaged(): boolean {
    if (this.#changing > 0) return false;
    const generation = this.#socket.generation();
    if (generation === this.#generation) return false;
    this.#generation = generation;
    return this.#families.filter((family) => family === 4 || this.#hasSix).some((family) => {
      const present = new Map<string, number>();
      for (const chain of this.#socket.chainsOfRules(family, this.#table)) present.set(chain, (present.get(chain) ?? 0) + 1);
      return Array.from(ownRules([...this.#bridges.values()], family)).some(([chain, count]) => (present.get(chain) ?? 0) < count);
    });
  }

  async #change<T>(work: () => Promise<T>): Promise<T> {
    this.#changing += 1;
    try {
      return await work();
    } finally {
      this.#changing -= 1;
    }
  }

  /**
   * All or none. Flows of datagrams to the port that were there before are translated from now on.
   * @throws network.firewall_gone when somebody took a table away: load it again
   */
  add(translations: readonly PortTranslation[]): void {
    const elements = translations.flatMap(mapElements);
    try {
      this.#socket.change(this.#table, (transaction) => transaction.addElements(elements));
    } catch (error) {
      if (isMissing(error)) throw fail('network.firewall_gone', { table: this.#table }, error);
      if (!isFailure(error, 'kernel.syscall_failed') || (error.details['errno'] !== 'EEXIST' && error.details['errno'] !== 'EBUSY')) throw error;
      // Left by an engine that was killed half way; the port is ours, as its socket is.
      this.#removeEach(elements);
      this.#socket.change(this.#table, (transaction) => transaction.addElements(elements));
    }
    this.#forgetDatagramFlows(translations);
  }

  /** What is gone already is no error. */
  remove(translations: readonly PortTranslation[]): void {
    const elements = translations.flatMap(mapElements);
    try {
      this.#socket.change(this.#table, (transaction) => transaction.removeElements(elements));
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
        this.#socket.change(this.#table, (transaction) => transaction.removeElements([element]));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }

  #forgetDatagramFlows(translations: readonly PortTranslation[]): void {
    for (const { protocol, hostPort, containerAddress } of translations) {
      // A TCP connection ends with its container; datagrams go on to wherever they went first.
      if (protocol === 'udp' && hostPort !== 0) this.#socket.forgetFlows(containerAddress.includes(':') ? 6 : 4, protocolNumbers[protocol], hostPort);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

function isMissing(error: unknown): boolean {
  return isFailure(error, 'kernel.syscall_failed') && error.details['errno'] === 'ENOENT';
}

function isEverywhere({ hostAddress }: PortTranslation): boolean {
  return hostAddress === '0.0.0.0' || hostAddress === '::';
}

/** In nft's language, for loading. */
function elementsOf(translations: readonly PortTranslation[]): FirewallElements {
  const value = ({ containerAddress, containerPort }: PortTranslation): string => `${containerAddress} . ${containerPort}`;
  const key = ({ protocol, hostPort }: PortTranslation): string => `${protocol} . ${hostPort}`;
  const translated = translations.filter(({ hostPort }) => hostPort !== 0);
  return {
    ports: translated.filter(isEverywhere).map((translation) => `${key(translation)} : ${value(translation)}`),
    addressPorts: translated.filter((translation) => !isEverywhere(translation)).map((translation) => `${translation.hostAddress} . ${key(translation)} : ${value(translation)}`),
    openPorts: [...new Set(translations.filter(({ open }) => open).map(({ containerAddress, protocol, containerPort }) => `${containerAddress} . ${protocol} . ${containerPort}`))],
  };
}

function mapElements(translation: PortTranslation): MapElement[] {
  const { containerAddress, containerPort, hostAddress, hostPort } = translation;
  const family = containerAddress.includes(':') ? 6 : 4;
  const protocol = elementField.protocol(protocolNumbers[translation.protocol]);
  const target = elementField.address(containerAddress);
  const elements: MapElement[] = [];
  if (translation.open) elements.push({ family, map: 'open_ports', key: Buffer.concat([target, protocol, elementField.port(containerPort)]), value: undefined });
  if (hostPort === 0) return elements;
  const port = [protocol, elementField.port(hostPort)];
  const value = Buffer.concat([target, elementField.port(containerPort)]);
  if (isEverywhere(translation)) elements.push({ family, map: 'ports', key: Buffer.concat(port), value });
  else elements.push({ family, map: 'address_ports', key: Buffer.concat([elementField.address(hostAddress), ...port]), value });
  return elements;
}
