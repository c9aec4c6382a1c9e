/** The host's interface behind a macvlan or ipvlan network. What is named `eth0.10` and missing is made, as is a dummy where none is named. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { RouteSocket, type Link } from '#kernel/netlink/route-socket.ts';
import { plainReason } from './plain-reason.ts';
import { parseVlanName, type SubInterfaceOptions } from './sub-interface-options.ts';

const greatestVlan = 4094;

export function parentExists(name: string): boolean {
  using routes = new RouteSocket();
  return routes.link(name) !== undefined;
}

/** @throws network.option_unusable, with Docker's texts */
export function ensureParent({ parent, ownDummy }: SubInterfaceOptions): Link {
  using routes = new RouteSocket();
  const present = routes.link(parent);
  if (present !== undefined) return present;
  if (ownDummy) {
    explained('', () => routes.createDummy(parent));
  } else {
    makeVlan(routes, parent);
  }
  const made = routes.link(parent);
  if (made === undefined) throw fail('network.option_unusable', { message: `the requested parent interface ${parent} was not found on the Docker host` });
  return made;
}

function makeVlan(routes: RouteSocket, name: string): void {
  const { link: linkName, number } = parseVlanName(name);
  const link = routes.link(linkName);
  if (link === undefined) throw fail('network.option_unusable', { message: `-o parent interface was not found on the host: ${linkName}` });
  const id = Number(number);
  if (id < 1 || id > greatestVlan) throw fail('network.option_unusable', { message: `vlan id must be between 1-${greatestVlan}, received: ${id}` });
  explained(`failed to create ${name} vlan link: `, () => routes.createVlan(name, link.index, id));
  const made = routes.link(name);
  if (made !== undefined) explained(`failed to enable ${name} the macvlan parent link `, () => routes.setUp(made.index, name));
}

/** Takes away what {@link ensureParent} made; an interface of another kind by this name is somebody else's. */
export async function removeParent({ parent, ownDummy }: SubInterfaceOptions): Promise<void> {
  using routes = new RouteSocket();
  const link = routes.link(parent);
  if (link?.kind === (ownDummy ? 'dummy' : 'vlan')) await routes.deleteLinks([link.index]);
}

function explained(purpose: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isFailure(error, 'kernel.syscall_failed')) throw error;
    throw fail('network.option_unusable', { message: `${purpose}${plainReason(error.details)}` }, error);
  }
}
