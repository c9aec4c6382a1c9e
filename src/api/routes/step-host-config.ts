/** What containers of build steps are made with, unless the build asks for more. */
import type { HostConfig } from '#schema/container-config.ts';
import { decodeCreateRequest } from '../body/create-request.ts';
import { parseJson } from '../body/parse-json.ts';
import type { ApiVersion } from '../requests/api-version.ts';
import { adjustCreateRequest } from './create-adjustments.ts';

export function stepHostConfig(version: ApiVersion, asked: object = {}): HostConfig {
  const request = decodeCreateRequest(parseJson(JSON.stringify({ Image: 'build', HostConfig: { LogConfig: { Type: 'none' }, ...asked } })));
  adjustCreateRequest(request, version);
  return request.HostConfig;
}
