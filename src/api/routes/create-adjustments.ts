/** What Docker changes in a create request for the API version it came by, before the engine sees it. */
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import type { CreateRequest, EndpointSettings, HostConfig, MountRequest } from '#schema/container-config.ts';
import type { ApiVersion } from '../requests/api-version.ts';

const invalid = (message: string): Error => fail('api.invalid_parameter', { message });

/** Driver option that carries one endpoint's sysctls. */
const endpointSysctls = 'com.docker.network.endpoint.sysctls';

/** Changes the request in place. @returns Docker's warnings. @throws api.invalid_parameter with Docker's texts */
export function adjustCreateRequest(request: CreateRequest, version: ApiVersion): string[] {
  const host = request.HostConfig;
  nameDefaultNetwork(request);
  if (!version.atLeast(25)) host.AutoRemove = false;
  if (!version.atLeast(40) && host.IpcMode === '') host.IpcMode = 'shareable';
  if (!version.atLeast(42)) host.ConsoleSize = [0, 0];
  if (!version.atLeast(43)) delete host.Annotations;
  for (const mount of host.Mounts ?? []) adjustMount(mount, version);
  if (!version.atLeast(44)) {
    if (request.Healthcheck !== undefined) delete request.Healthcheck.StartInterval;
    const names = Object.keys(request.NetworkingConfig.EndpointsConfig ?? {});
    if (names.length > 1) throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(', ')}`);
  }
  if (!version.atLeast(48)) {
    for (const endpoint of Object.values(request.NetworkingConfig.EndpointsConfig ?? {})) if (endpoint !== null) endpoint.GwPriority = 0;
  }
  const warnings = [volumeDriverWarning(host, version), moveMacAddress(request, version), moveSysctls(request, version)];
  if (host.PidsLimit !== null && host.PidsLimit <= 0) host.PidsLimit = null;
  return warnings.filter((warning) => warning !== undefined);
}

/** The network called `default` is the bridge, whatever it is called by. */
function nameDefaultNetwork({ HostConfig: host, NetworkingConfig: networking }: CreateRequest): void {
  if (host.NetworkMode !== '' && host.NetworkMode !== 'default') return;
  host.NetworkMode = 'bridge';
  const endpoints = networking.EndpointsConfig;
  const settings = endpoints?.['default'];
  if (endpoints === null || settings === undefined) return;
  endpoints['bridge'] = settings;
  delete endpoints['default'];
}

function adjustMount(mount: MountRequest, version: ApiVersion): void {
  const { Type: type = '', BindOptions: bind } = mount;
  if (bind !== undefined && !version.atLeast(40)) delete bind.NonRecursive;
  if (!version.atLeast(42)) {
    if (bind !== undefined) delete bind.CreateMountpoint;
    if (type !== 'volume') delete mount.VolumeOptions;
    if (type !== 'tmpfs') delete mount.TmpfsOptions;
  } else {
    const mismatch = (options: string): Error => invalid(`${options} must not be specified on mount type ${quoteText(type)}`);
    if (mount.VolumeOptions !== undefined && type !== 'volume') throw mismatch('VolumeOptions');
    if (bind !== undefined && type !== 'bind') throw mismatch('BindOptions');
    if (mount.TmpfsOptions !== undefined && type !== 'tmpfs') throw mismatch('TmpfsOptions');
  }
  if (!version.atLeast(44) && type === 'bind') {
    if (bind?.ReadOnlyForceRecursive === true) throw invalid('BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer');
    // Before, read-only never went further than the mount itself.
    mount.BindOptions = { ...bind, ReadOnlyNonRecursive: true };
  }
  if (!version.atLeast(45) && mount.VolumeOptions?.Subpath !== undefined) throw invalid('VolumeOptions.Subpath needs API v1.45 or newer');
  if (!version.atLeast(48) && type === 'image') throw invalid('Mount type "Image" needs API v1.48 or newer');
}

function volumeDriverWarning(host: HostConfig, version: ApiVersion): string | undefined {
  if (host.VolumeDriver === '' || !version.atLeast(48)) return undefined;
  const ambiguous = (host.Mounts ?? []).some((mount) => mount.Type === 'volume' && (mount.VolumeOptions?.DriverConfig?.Name ?? '') === '');
  return ambiguous
    ? "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead"
    : undefined;
}

function isPrivate(networkMode: string): boolean {
  return networkMode !== 'host' && !networkMode.startsWith('container:');
}

/** Whether the mode is a bridge: the default one or a user's network. */
function hasEndpoint(networkMode: string): boolean {
  return isPrivate(networkMode) && networkMode !== 'none';
}

/** The container's own MAC address belongs to its first network. */
function moveMacAddress(request: CreateRequest, version: ApiVersion): string | undefined {
  const address = request.MacAddress ?? '';
  const mode = request.HostConfig.NetworkMode;
  if (!version.atLeast(44)) {
    if (address === '') {
      for (const endpoint of Object.values(request.NetworkingConfig.EndpointsConfig ?? {})) if (endpoint !== null) endpoint.MacAddress = '';
      return undefined;
    }
    if (!hasEndpoint(mode)) throw invalid('conflicting options: mac-address and the network mode');
    mainEndpoint(request, version).MacAddress = address;
    return undefined;
  }
  if (address === '') return undefined;
  if (hasEndpoint(mode)) {
    const endpoint = mainEndpoint(request, version, 'unable to migrate container-wide MAC address to a specific network: ');
    if ((endpoint.MacAddress ?? '') === '') endpoint.MacAddress = address;
    else if (endpoint.MacAddress !== address) {
      throw invalid('the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty');
    }
  }
  delete request.MacAddress;
  return 'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';
}

/** Settings that name an interface can only be made once that is there: they go to its endpoint. */
function moveSysctls(request: CreateRequest, version: ApiVersion): string | undefined {
  const { HostConfig: host } = request;
  if (!isPrivate(host.NetworkMode)) return undefined;
  const refused = (message: string): Error => fail('api.invalid_sysctl', { message });
  const moved: string[] = [];
  const settings: string[] = [];
  let endpoint: Partial<EndpointSettings> | undefined;
  for (const [name, value] of Object.entries(host.Sysctls ?? {})) {
    const [, family, kind, device, rest] = /^(net)\.([^.]*)\.([^.]*)\.(eth[^.]*)\.(.*)$/.exec(name)?.slice(1) ?? [];
    if (device === undefined) continue;
    if (version.atLeast(48)) throw refused(`interface specific sysctl setting ${quoteText(name)} must be supplied using driver option '${endpointSysctls}'`);
    endpoint ??= mainEndpoint(request, version, `unable to find a network for sysctl ${name}: `);
    if (device !== 'eth0') throw refused(`unable to determine network endpoint for sysctl ${name}, use driver option '${endpointSysctls}' to set per-interface sysctls`);
    moved.push(name);
    settings.push(`net.${family}.${kind}.IFNAME.${rest}=${value}`);
  }
  if (endpoint === undefined) return undefined;
  const option = settings.join(',');
  const before = endpoint.DriverOpts?.[endpointSysctls];
  endpoint.DriverOpts = { ...endpoint.DriverOpts, [endpointSysctls]: before === undefined ? option : `${option},${before}` };
  host.Sysctls = Object.fromEntries(Object.entries(host.Sysctls ?? {}).filter(([name]) => !moved.includes(name)));
  return `Migrated sysctl ${quoteText(moved.join(','))} to DriverOpts{${quoteText(endpointSysctls)}:${quoteText(option)}}.`;
}

/** The endpoint of the network the container-wide settings mean; made where there is none at all. */
function mainEndpoint(request: CreateRequest, version: ApiVersion, context = ''): Partial<EndpointSettings> {
  const mode = request.HostConfig.NetworkMode;
  const endpoints = (request.NetworkingConfig.EndpointsConfig ??= {});
  const names = Object.keys(endpoints);
  // Older versions know one endpoint only, whatever it is called by.
  const name = names.length === 0 || version.atLeast(44) ? mode : (names[0] ?? mode);
  if (names.length > 0 && !names.includes(name)) throw invalid(`${context}HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks`);
  const endpoint = endpoints[name] ?? {};
  endpoints[name] = endpoint;
  return endpoint;
}
