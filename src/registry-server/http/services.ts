/** What the handlers of requests work with. */
import type { Authenticator } from '../auth/authenticator.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Upstreams } from '../proxy/upstreams.ts';
import type { ServerOptions } from '../server-options.ts';
import type { BlobFiles } from '../storage/blob-files.ts';
import type { BlobDemand } from '../storage/blob-demand.ts';
import type { Content } from '../storage/content.ts';
import type { Uploads } from '../storage/uploads.ts';

export interface Services {
  readonly options: ServerOptions;
  readonly content: Content;
  readonly files: BlobFiles;
  readonly uploads: Uploads;
  readonly demand: BlobDemand;
  readonly authenticator: Authenticator;
  readonly upstreams: Upstreams | undefined;
  readonly metrics: Metrics;
  /** For what goes wrong that no client is told of. */
  readonly warn: (message: string) => void;
}
