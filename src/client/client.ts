/**
 * The daemon's API, typed: one object per kind of thing. For programs as well as for our own command line.
 *
 *     await using client = new Client({ endpoint: parseEndpoint('unix:///run/dhow/docker.sock') });
 *     const { Id } = await client.containers.create({ Image: 'busybox', Cmd: ['true'] });
 *     await client.containers.start(Id);
 *
 * Nothing is connected before the first request. Refusals are ApiError, an unreachable daemon ConnectionError.
 */
import { ArchiveApi } from './archive-api.ts';
import { BuildApi } from './build-api.ts';
import { ContainerApi } from './container-api.ts';
import type { Endpoint } from './endpoint.ts';
import { ExecApi } from './exec-api.ts';
import { ImageApi } from './image-api.ts';
import { NetworkApi } from './network-api.ts';
import { RegistryApi } from './registry-api.ts';
import { SystemApi } from './system-api.ts';
import { Transport } from './transport.ts';
import { VolumeApi } from './volume-api.ts';

/** The newest API version this client speaks. */
export const newestApiVersion = '1.51';

export interface ClientOptions {
  readonly endpoint: Endpoint;
  /** Speak this version without asking. */
  readonly apiVersion?: string | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent?: string;
  /** Called once when nothing listens at the endpoint; true: it does now. */
  readonly launch?: (() => Promise<boolean>) | undefined;
}

export class Client implements AsyncDisposable {
  readonly archives: ArchiveApi;
  readonly builds: BuildApi;
  readonly containers: ContainerApi;
  readonly execs: ExecApi;
  readonly images: ImageApi;
  readonly networks: NetworkApi;
  readonly registries: RegistryApi;
  readonly system: SystemApi;
  readonly volumes: VolumeApi;
  /** For endpoints that have no method yet. */
  readonly transport: Transport;

  constructor(options: ClientOptions) {
    this.transport = new Transport({
      endpoint: options.endpoint,
      newestVersion: newestApiVersion,
      fixedVersion: options.apiVersion,
      userAgent: options.userAgent ?? 'dhow-client',
      ...(options.headers === undefined ? {} : { headers: options.headers }),
      launch: options.launch,
    });
    this.archives = new ArchiveApi(this.transport);
    this.builds = new BuildApi(this.transport);
    this.containers = new ContainerApi(this.transport);
    this.execs = new ExecApi(this.transport);
    this.images = new ImageApi(this.transport);
    this.networks = new NetworkApi(this.transport);
    this.registries = new RegistryApi(this.transport);
    this.system = new SystemApi(this.transport);
    this.volumes = new VolumeApi(this.transport);
  }

  /** Closes idle connections; those in use end with what uses them. */
  close(): void {
    this.transport.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
