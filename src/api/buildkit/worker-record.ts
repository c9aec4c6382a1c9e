/** What clients are told of this place of building. */
import type { MessageOf } from '#base/protobuf/message-type.ts';
import type { BuildSolver } from '#engine/solver/contract.ts';
import { hostPlatform, type Platform } from '#oci/platform.ts';
import type { WorkerRecord } from '#schema/buildkit/common-messages.ts';

/** The release whose behaviour this is. */
export const buildkitVersion = { package: 'github.com/moby/buildkit', version: 'v0.25.2', revision: '', dockerfileVersion: '1.19.0' };

/** Platforms that run here: the host's, and older ones of its kind. */
const alsoRun: Readonly<Record<string, readonly Platform[]>> = {
  amd64: [{ os: 'linux', architecture: 'amd64', variant: 'v2' }, { os: 'linux', architecture: '386' }],
  arm64: [{ os: 'linux', architecture: 'arm', variant: 'v7' }, { os: 'linux', architecture: 'arm', variant: 'v6' }],
};

export function workerRecord(solver: BuildSolver): MessageOf<typeof WorkerRecord> {
  const host = hostPlatform();
  const gateway = solver.hostGateway();
  return {
    id: solver.workerId,
    labels: {
      ...(gateway === '' ? {} : { 'org.mobyproject.buildkit.worker.moby.host-gateway-ip': gateway }),
      // By this clients know that indexes, archives, attestations and caches can be exported.
      ...(solver.keepsManifests() ? { 'org.mobyproject.buildkit.worker.snapshotter': 'overlayfs' } : {}),
    },
    platforms: [host, ...(alsoRun[host.architecture] ?? [])].map(({ os, architecture, variant = '' }) => ({ os, architecture, variant, osVersion: '', osFeatures: [] })),
    garbagePolicies: solver.rules().map(({ filters, ...rule }) => ({ ...rule, filters: filters.length === 0 ? [] : [filters.join(',')] })),
    buildkitVersion,
  };
}
