/** What the parts of a network controller share: its networks, what its running containers have of them, and who keeps rules, names and ports. */
import type { Sandbox } from './contract.ts';
import type { NetworkSettings } from './default-bridge.ts';
import type { NameService } from './dns/name-service.ts';
import type { FirewallKeeper } from './firewall-keeper.ts';
import type { NetworkRegistry } from './network-registry.ts';
import type { Publication, PortPublisher } from './port-publisher.ts';

/** A running container. */
export interface Attached {
  containerName: string;
  sandbox: Sandbox;
  publication: Publication | undefined;
}

export interface ControllerParts {
  readonly settings: NetworkSettings;
  readonly registry: NetworkRegistry;
  readonly keeper: FirewallKeeper;
  /** By the container's id. */
  readonly attached: Map<string, Attached>;
  readonly names: NameService;
  readonly publisher: PortPublisher;
  /** Directory where namespaces are kept. */
  readonly namespaces: string;
  /** The namespace of containers of network `host`. */
  readonly hostNamespace: string;
  readonly warn: (message: string) => void;
}
