/**
 * Where firewalld manages the machine's firewall, it refuses forwarded packets of interfaces that are in no zone: an engine's
 * bridges are put into its zone `trusted`, so that the engine's own rules decide. After a reload they are in none.
 */
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { NetfilterSocket } from '#kernel/nftables/netfilter-socket.ts';
import { callSystemBus, runsOnSystemBus } from '#kernel/system-bus.ts';

const firewalld = { destination: 'org.fedoraproject.FirewallD1', path: '/org/fedoraproject/FirewallD1', interface: 'org.fedoraproject.FirewallD1.zone' } as const;
/** The table that firewalld makes, with its backend `nftables`. With `iptables` its rules are among everybody's, or where nftables does not see them. */
const table = 'firewalld';
const zone = 'trusted';
const patience = 10_000;
const askingPatience = 2000;
/** For how long it is taken for true that there is no firewalld. */
const absenceMilliseconds = 5000;
/** How often firewalld without a table of its own, whose reloads go unseen, is told of the bridges again; and how often it is looked for. */
const againMilliseconds = { present: 5000, absent: 30_000 } as const;

export class FirewallZones implements Disposable {
  readonly #socket = new NetfilterSocket();
  readonly #warn: (message: string) => void;
  readonly #bus: { readonly socketPath?: string };
  readonly #now: () => number;
  #absentUntil = -Infinity;
  #again = Infinity;

  /**
   * @param options.socketPath of the system's bus; by default where it is everywhere
   * @param options.now milliseconds; by default of the process's clock
   */
  constructor(options: { readonly warn: (message: string) => void; readonly socketPath?: string; readonly now?: () => number }) {
    this.#warn = options.warn;
    this.#bus = options.socketPath === undefined ? {} : { socketPath: options.socketPath };
    this.#now = options.now ?? (() => performance.now());
  }

  /** Whether the bridges are to be joined again though no table has changed. */
  get isDue(): boolean {
    return this.#now() >= this.#again;
  }

  /** Puts interfaces into the zone, wherever they are now. What firewalld refuses is told by a warning. */
  async join(interfaces: readonly string[]): Promise<void> {
    if (await this.#isManaged()) for (const name of interfaces) await this.#call('changeZoneOfInterface', name);
  }

  /** Takes out an interface that goes away. */
  async leave(name: string): Promise<void> {
    if (await this.#isManaged()) await this.#call('removeInterface', name, /^(UNKNOWN_INTERFACE|ZONE_CONFLICT)\b/);
  }

  async #isManaged(): Promise<boolean> {
    if (this.#socket.hasTable('inet', table)) {
      // Whatever firewalld does is a change of its table.
      this.#again = Infinity;
      return true;
    }
    const now = this.#now();
    if (now < this.#absentUntil) return false;
    const present = await this.#isOnBus();
    this.#absentUntil = present ? -Infinity : now + absenceMilliseconds;
    this.#again = now + (present ? againMilliseconds.present : againMilliseconds.absent);
    return present;
  }

  async #isOnBus(): Promise<boolean> {
    try {
      return await runsOnSystemBus(firewalld.destination, { ...this.#bus, signal: AbortSignal.timeout(askingPatience) });
    } catch (error) {
      if (!isFailure(error, 'kernel.bus_call_failed')) throw error;
      this.#warn(`whether firewalld runs cannot be asked: ${messageOf(error)}`);
      return false;
    }
  }

  /** @param expected refusals that nobody needs to know of */
  async #call(member: string, name: string, expected?: RegExp): Promise<void> {
    try {
      await callSystemBus({ ...firewalld, member, arguments: [zone, name] }, { ...this.#bus, signal: AbortSignal.timeout(patience) });
    } catch (error) {
      if (!isFailure(error, 'kernel.bus_call_failed')) throw error;
      if (expected?.test(String(error.details['reason'])) === true) return;
      this.#warn(`firewalld: interface ${name} and zone ${zone}: ${messageOf(error)}`);
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
