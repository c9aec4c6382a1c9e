/** What the engine says it is. Clients read capabilities off the Docker version it is compatible with. */
import packageDocument from '../../package.json' with { type: 'json' };

/** Docker Engine release whose behaviour this engine has. */
const dockerVersion = '28.5.2';

export const product = {
  version: packageDocument.version,
  /** As `/version` gives it: the compatible release, with our own as build metadata. */
  engineVersion: `${dockerVersion}+dhow${packageDocument.version}`,
  apiVersion: '1.51',
  minimumApiVersion: '1.24',
} as const;
