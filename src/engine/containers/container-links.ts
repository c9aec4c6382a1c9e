/**
 * `--link` on the default bridge: another container's address under a name of one's own in `/etc/hosts`, and
 * what it exposes and its variables in the environment.
 */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { ContainerLink, ContainerRecord } from './container-record.ts';
import type { ContainerRegistry } from './container-registry.ts';
import { isRunning } from './container-state.ts';

/** A link whose other container runs. */
interface LiveLink {
  readonly alias: string;
  readonly address: string;
  readonly target: ContainerRecord;
}

/** @throws container.link_missing, container.link_to_host */
export function resolveLinks(links: readonly string[], registry: ContainerRegistry): ContainerLink[] {
  return links.map((link) => {
    const [name = '', alias = name] = link.split(':');
    let target = resolveTarget(name, registry);
    // Whose network another one shares has the address.
    while (target.hostConfig.NetworkMode.startsWith('container:')) target = resolveTarget(target.hostConfig.NetworkMode.slice('container:'.length), registry);
    if (target.hostConfig.NetworkMode === 'host') throw fail('container.link_to_host');
    // As inspect writes them: `/target:/own/alias`.
    return { id: target.id, alias: alias.slice(alias.lastIndexOf('/') + 1), name: target.name };
  });
}

function resolveTarget(name: string, registry: ContainerRegistry): ContainerRecord {
  try {
    return registry.resolve(name);
  } catch (error) {
    if (isFailure(error, 'container.empty_reference')) throw fail('container.link_unnamed', {}, error);
    if (isFailure(error, 'container.not_found')) throw fail('container.link_missing', { name }, error);
    throw error;
  }
}

/** The container that a link's name, `own/alias`, leads to, and whose link it is; undefined: there is no such link. */
export function resolveLinkName(reference: string, registry: Pick<ContainerRegistry, 'get' | 'holderOf'>): { readonly own: ContainerRecord; readonly alias: string; readonly target: ContainerRecord } | undefined {
  const [, name = '', alias = ''] = /^\/?([^/]+)\/([^/]+)$/.exec(reference) ?? [];
  const own = registry.get(registry.holderOf(name) ?? '');
  const link = own?.links?.find((one) => one.alias === alias);
  const target = registry.get(link?.id ?? '');
  return own === undefined || target === undefined ? undefined : { own, alias, target };
}

/** Takes the link away that has this name. @throws container.default_link for a container's own name */
export function removeLink(reference: string, registry: ContainerRegistry): void {
  const found = resolveLinkName(reference, registry);
  if (found === undefined) throw fail('container.default_link');
  registry.update(found.own.id, { links: (found.own.links ?? []).filter(({ alias }) => alias !== found.alias) });
}

/** Names that links of others give a container, as `docker ps --no-trunc` shows them. */
export function linkNamesOf(id: string, records: readonly ContainerRecord[]): string[] {
  return records.flatMap((record) => (record.links ?? []).filter((link) => link.id === id).map(({ alias }) => `/${record.name}/${alias}`));
}

/** `HostConfig.Links` of inspect: the default network's; those of user-defined networks are their endpoints'. */
export function viewLinks(record: ContainerRecord, registry: ContainerRegistry): string[] | null {
  const shown = (record.links ?? []).flatMap(({ id, alias, name }) => {
    const target = registry.get(id)?.name ?? name;
    return target === undefined ? [] : [`/${target}:/${record.name}/${alias}`];
  });
  return shown.length === 0 ? null : shown;
}

/** @throws container.link_not_running, container.link_apart */
export function liveLinks(record: ContainerRecord, registry: ContainerRegistry): LiveLink[] {
  if (record.endpointSettings['bridge'] === undefined) return [];
  return (record.links ?? []).flatMap(({ id, alias, name }) => {
    const target = registry.get(id);
    if (target === undefined && name === undefined) return [];
    if (target === undefined || !isRunning(target.state)) throw fail('container.link_not_running', { target: target?.name ?? name, own: record.name, alias });
    const place = target.sandbox?.endpoints['bridge'];
    if (place === undefined) throw fail('container.link_apart', { id: target.id });
    return [{ alias, target, address: place.address }];
  });
}

/** Lines of `/etc/hosts`: alias, host name and, where that is another one, name. */
export function linkHosts(links: readonly LiveLink[]): string[] {
  return links.filter(({ address }) => address !== '').map(({ alias, address, target }) => {
    const names = [alias, target.config.Hostname, ...(alias === target.name ? [] : [target.name])];
    return `${address}\t${names.join(' ')}`;
  });
}

/** Running containers that have a link to this one, with the link's name. */
export function linkingTo(id: string, registry: ContainerRegistry): { record: ContainerRecord; alias: string }[] {
  return registry.all().flatMap((record) => {
    const links = (record.links ?? []).filter((link) => link.id === id);
    return links.length > 0 && isRunning(record.state) ? links.map(({ alias }) => ({ record, alias })) : [];
  });
}

/** Variables about the linked containers, as Docker has made them since its beginning. */
function linkVariables(record: Pick<ContainerRecord, 'name'>, links: readonly LiveLink[]): string[] {
  return links.flatMap(({ alias, address, target }) => {
    const prefix = alias.toUpperCase().replaceAll('-', '_');
    const ports = Object.keys(target.config.ExposedPorts ?? {}).map((port) => {
      const [number = '', protocol = 'tcp'] = port.split('/');
      return { number, protocol };
    }).sort((a, b) => Number(a.protocol !== 'tcp') - Number(b.protocol !== 'tcp') || Number(a.number) - Number(b.number));
    const [first] = ports;
    const url = ({ number, protocol }: { number: string; protocol: string }): string => `${protocol}://${address}:${number}`;
    const own = (target.config.Env ?? []).filter((variable) => variable.includes('=') && !/^(HOME|PATH)=/.test(variable));
    return [
      ...(first === undefined ? [] : [`${prefix}_PORT=${url(first)}`]),
      ...ports.flatMap((port) => {
        const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`;
        return [`${name}=${url(port)}`, `${name}_ADDR=${address}`, `${name}_PORT=${port.number}`, `${name}_PROTO=${port.protocol}`];
      }),
      `${prefix}_NAME=/${record.name}/${alias}`,
      ...own.map((variable) => `${prefix}_ENV_${variable}`),
    ];
  });
}

/** What a linked container offers stands in the environment, unless the container says otherwise. @throws container.link_not_running */
export function withLinkVariables(record: ContainerRecord, registry: ContainerRegistry): ContainerRecord {
  const variables = linkVariables(record, liveLinks(record, registry));
  return variables.length === 0 ? record : { ...record, config: { ...record.config, Env: [...variables, ...(record.config.Env ?? [])] } };
}
