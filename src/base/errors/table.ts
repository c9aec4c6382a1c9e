/** Every code of the engine, gathered from one file per domain. */
import type { ErrorRow } from './error-kind.ts';
import { apiErrors } from './api-errors.ts';
import { buildErrors } from './build-errors.ts';
import { archiveErrors } from './archive-errors.ts';
import { containerErrors } from './container-errors.ts';
import { contentErrors } from './content-errors.ts';
import { daemonErrors } from './daemon-errors.ts';
import { imageErrors } from './image-errors.ts';
import { kernelErrors } from './kernel-errors.ts';
import { layerErrors } from './layer-errors.ts';
import { loggingErrors } from './logging-errors.ts';
import { networkErrors } from './network-errors.ts';
import { pluginErrors } from './plugin-errors.ts';
import { registryErrors } from './registry-errors.ts';
import { registryServerErrors } from './registry-server-errors.ts';
import { runtimeErrors } from './runtime-errors.ts';
import { storeErrors } from './store-errors.ts';
import { swarmErrors } from './swarm-errors.ts';
import { templateErrors } from './template-errors.ts';
import { volumeErrors } from './volume-errors.ts';

const rows = {
  ...apiErrors,
  ...buildErrors,
  ...archiveErrors,
  ...containerErrors,
  ...contentErrors,
  ...daemonErrors,
  ...imageErrors,
  ...kernelErrors,
  ...layerErrors,
  ...loggingErrors,
  ...networkErrors,
  ...pluginErrors,
  ...registryErrors,
  ...registryServerErrors,
  ...runtimeErrors,
  ...storeErrors,
  ...volumeErrors,
  ...swarmErrors,
  ...templateErrors,
};

export type ErrorCode = keyof typeof rows;
export const errorTable: Readonly<Record<ErrorCode, ErrorRow>> = rows;
