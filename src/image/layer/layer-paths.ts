/** Where layers lie below the data root, in the arrangement of Docker's overlay2 driver. */
import { randomBytes } from 'node:crypto';

const base32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Name of a layer's or container's directory. */
export const directoryName = /^[0-9a-f]{64}$/;

export class LayerPaths {
  /** Holds a directory for each layer and each container's writable layer. */
  readonly home: string;
  /** Short names of the trees, for mount options. */
  readonly links: string;
  /** Layers that are being unpacked. */
  readonly unpacking: string;
  /** What is being deleted. */
  readonly removing: string;
  /** Facts about layers, by chain id. */
  readonly records: string;
  readonly unfinishedRecords: string;

  constructor(dataRoot: string) {
    this.home = `${dataRoot}/overlay2`;
    this.links = `${this.home}/l`;
    this.unpacking = `${this.home}/.unpacking`;
    this.removing = `${this.home}/.removing`;
    this.records = `${dataRoot}/image/overlay2/layerdb/sha256`;
    this.unfinishedRecords = `${dataRoot}/image/overlay2/layerdb/tmp`;
  }

  layer(name: string): string {
    return `${this.home}/${name}`;
  }

  record(chainId: string): string {
    return `${this.records}/${chainId.slice('sha256:'.length)}`;
  }
}

export function newDirectoryName(): string {
  return randomBytes(32).toString('hex');
}

/** 26 characters, as long as 16 bytes in base 32. */
export function newLinkName(): string {
  return Array.from(randomBytes(26), (byte) => base32[byte & 31]).join('');
}
