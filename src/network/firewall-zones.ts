/**
 * Where firewalld manages the machine's firewall, it refuses forwarded packets of interfaces that are in no zone: an engine's
 * bridges are put into its zone `trusted`, so that the engine's own rules decide. After a reload they are in none.
 */
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { NetfilterSocket } from '#kernel/nftables/netfilter-socket.ts';
import { callSystemBus } from '#kernel/system-bus.ts';

const firewalld = { destination: 'org.fedoraproject.FirewallD1', path: '/org/fedoraproject/FirewallD1', interface: 'org.fedoraproject.FirewallD1.zone' } as const;
/** The table that firewalld makes, with its backend `nftables`. */
const table = 'firewalld';
const zone = 'trusted';
const patience = 10_000;

export class FirewallZones implements Disposable {
  readonly #socket = new NetfilterSocket();
  readonly #warn: (message: string) => void;
  readonly #socketPath: string | undefined;

  /** @param options.socketPath of the system's bus; by default where it is everywhere */
  constructor(options: { readonly warn: (message: string) => void; readonly socketPath?: string }) {
    this.#warn = options.warn;
    this.#socketPath = options.socketPath;
  }

  /** Puts interfaces into the zone, wherever they are now. What firewalld refuses is told by a warning. */
  async join(interfaces: readonly string[]): Promise<void> {
    if (this.#isManaged()) for (const name of interfaces) await this.#call('changeZoneOfInterface', name);
  }

  /** Takes out an interface that goes away. */
  async leave(name: string): Promise<void> {
    if (this.#isManaged()) await this.#call('removeInterface', name, /^(UNKNOWN_INTERFACE|ZONE_CONFLICT)\b/);
  }

  #isManaged(): boolean {
    return this.#socket.hasTable('inet', table);
  }

  /** @param expected refusals that nobody needs to know of */
  async #call(member: string, name: string, expected?: RegExp): Promise<void> {
    try {
      await callSystemBus({ ...firewalld, member, arguments: [zone, name] }, { signal: AbortSignal.timeout(patience), ...(this.#socketPath !== undefined && { socketPath: this.#socketPath }) });
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
