/**
 * Keeps the firewall of an engine as its networks and published ports need it, whatever else happens to the
 * machine's tables: rules that somebody takes away are back within seconds.
 */
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { enableForwarding } from './bridge-driver.ts';
import type { BridgeNetwork } from './bridge-network.ts';
import type { Firewall, PortTranslation } from './firewall.ts';
import { FirewallZones } from './firewall-zones.ts';

const watchMilliseconds = 1000;

export interface FirewallKeeperOptions {
  readonly firewall: Firewall;
  readonly bridgeName: string;
  /** Whether the engine switches forwarding on. */
  readonly forwarding: boolean | undefined;
  readonly bridges: () => readonly BridgeNetwork[];
  readonly translations: () => readonly PortTranslation[];
  readonly warn: (message: string) => void;
}

export class FirewallKeeper implements Disposable {
  readonly #options: FirewallKeeperOptions;
  readonly #zones: FirewallZones;
  #timer: NodeJS.Timeout | undefined;
  #restoring: Promise<void> | undefined;

  constructor(options: FirewallKeeperOptions) {
    this.#options = options;
    this.#zones = new FirewallZones({ warn: options.warn });
  }

  /** Loads everything, and from then on sees to it that it stays. @throws network.firewall_failed */
  async start(): Promise<void> {
    await this.#load();
    await this.#joinZones();
    this.#timer = setInterval(() => this.#watch(), watchMilliseconds);
    this.#timer.unref();
  }

  /** Lets a new network in, or loads everything should somebody have taken the tables away. @throws network.firewall_failed */
  async add(network: BridgeNetwork): Promise<void> {
    const { firewall, forwarding } = this.#options;
    const six = network.hasSix;
    enableForwarding(network.interface, { forwarding, six, translated: firewall.serves(4) });
    if (six && firewall.lacksSix) await this.#load();
    else await this.#change(() => firewall.addBridge(network.firewall));
    if (this.#isOn) await this.#zones.join([network.interface]);
  }

  /** @throws network.firewall_failed */
  async remove(network: BridgeNetwork): Promise<void> {
    await this.#change(() => this.#options.firewall.removeBridge(network.firewall));
    await this.#zones.leave(network.interface);
  }

  /** Does what needs the tables, which are loaded again should somebody have taken them away. */
  async whileStanding<T>(work: () => T): Promise<T> {
    try {
      return work();
    } catch (error) {
      if (!isFailure(error, 'network.firewall_gone')) throw error;
      await this.restore();
      return work();
    }
  }

  /** Loads again what somebody has taken away, and tells it; at once for all who ask. @throws network.firewall_failed */
  restore(): Promise<void> {
    this.#restoring ??= this.#restore().finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  async #restore(): Promise<void> {
    this.#options.warn(`the firewall rules of ${this.#options.bridgeName} were taken away by somebody; they are loaded again`);
    await this.#load();
  }

  async #change(change: () => void): Promise<void> {
    try {
      change();
    } catch (error) {
      if (!isFailure(error, 'network.firewall_gone')) throw error;
      await this.#load();
    }
  }

  async #load(): Promise<void> {
    const { firewall, bridgeName, forwarding, bridges, translations } = this.#options;
    const translated = firewall.serves(4);
    const { loopback } = enableForwarding(bridgeName, { forwarding, translated });
    for (const bridge of bridges()) enableForwarding(bridge.interface, { forwarding, six: bridge.hasSix, translated });
    await firewall.load(bridges().map((bridge) => bridge.firewall), { loopback, translations: translations() });
  }

  #watch(): void {
    const { firewall, warn, bridgeName } = this.#options;
    if (this.#restoring !== undefined) return;
    const failed = (error: unknown): void => warn(`the firewall rules of ${bridgeName} cannot be restored: ${messageOf(error)}`);
    try {
      const seen = firewall.generation;
      if (firewall.isDamaged()) void this.restore().catch(failed);
      // Whoever changed something may have been firewalld, loading all of its own again.
      if (firewall.generation !== seen || this.#zones.isDue) void this.#joinZones().catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  async #joinZones(): Promise<void> {
    if (this.#isOn) await this.#zones.join(this.#options.bridges().map((bridge) => bridge.interface));
  }

  /** Whether packets of any family are the engine's to decide on. */
  get #isOn(): boolean {
    return this.#options.firewall.serves(4) || this.#options.firewall.serves(6);
  }

  /** The rules stay. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#zones[Symbol.dispose]();
    this.#options.firewall[Symbol.dispose]();
  }
}
