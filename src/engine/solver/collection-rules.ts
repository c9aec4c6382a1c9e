/** What of the build cache may stay: the rules of `builder.gc` in `daemon.json`, and those that hold without any (moby, builder-next/worker/gc.go). */
import { readSize } from '#base/read-size.ts';

/** One rule, as prunings have it, too. Sizes are bytes; 0: not set. */
export interface CollectionRule {
  /** What images and the builder itself use, too. */
  readonly all: boolean;
  /** `name==value`, several joined by commas must all fit; one of the list has to. Empty: everything. */
  readonly filters: readonly string[];
  /** Nanoseconds: what was used since stays. */
  readonly keepDuration: number;
  /** What may always stay. */
  readonly reservedSpace: number;
  readonly maxUsedSpace: number;
  /** Of the disk. */
  readonly minFreeSpace: number;
}

/** As configured: sizes as texts, which may be shares of the disk. */
export interface CollectionSettings {
  readonly enabled: boolean;
  readonly reservedSpace: string;
  readonly maxUsedSpace: string;
  readonly minFreeSpace: string;
  /** Undefined: the usual ones. */
  readonly rules: readonly (Pick<CollectionRule, 'all' | 'filters' | 'keepDuration'> & Pick<CollectionSettings, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>)[] | undefined;
}

export interface DiskSpace {
  readonly total: number;
  readonly free: number;
}

const hour = 3600 * 1e9;
const usual = { reservedSpace: '10%', maxUsedSpace: '80%', minFreeSpace: '20%' };
/** Docker's own number. */
const temporaryPercent = Math.E * Math.PI * ((1 + Math.sqrt(5)) / 2);
const leastTemporary = 512e6;

export function collectionRules(settings: CollectionSettings, disk: DiskSpace): CollectionRule[] {
  if (!settings.enabled) return [];
  if (settings.rules !== undefined) return settings.rules.map((rule) => ({ ...rule, ...spaces(rule, disk) }));
  const limits = spaces({
    reservedSpace: settings.reservedSpace === '' ? usual.reservedSpace : settings.reservedSpace,
    maxUsedSpace: settings.maxUsedSpace === '' ? usual.maxUsedSpace : settings.maxUsedSpace,
    minFreeSpace: settings.minFreeSpace === '' ? usual.minFreeSpace : settings.minFreeSpace,
  }, disk);
  const temporary = Math.max(leastTemporary, Math.round((limits.reservedSpace / 100) * temporaryPercent));
  return [
    { all: false, filters: ['type==source.local', 'type==exec.cachemount', 'type==source.git.checkout'], keepDuration: 48 * hour, reservedSpace: 0, maxUsedSpace: temporary, minFreeSpace: 0 },
    { all: false, filters: [], keepDuration: 60 * 24 * hour, ...limits },
    { all: false, filters: [], keepDuration: 0, ...limits },
    { all: true, filters: [], keepDuration: 0, ...limits },
  ];
}

/** Bytes that may stay of `used`; undefined: no limit is set. */
export function allowance({ reservedSpace, maxUsedSpace, minFreeSpace }: Pick<CollectionRule, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>, used: number, disk: DiskSpace): number | undefined {
  if (isUnlimited({ reservedSpace, maxUsedSpace, minFreeSpace })) return undefined;
  const missing = minFreeSpace - disk.free;
  const most = maxUsedSpace === 0 ? Infinity : maxUsedSpace;
  const wanted = missing > 0 ? Math.min(most, used - missing) : most;
  // With a reserve alone that is what stays.
  return Math.max(wanted === Infinity ? (minFreeSpace === 0 ? 0 : Infinity) : wanted, reservedSpace);
}

/** Whether nothing is said of sizes: all that fits goes. */
export function isUnlimited({ reservedSpace, maxUsedSpace, minFreeSpace }: Pick<CollectionRule, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>): boolean {
  return reservedSpace === 0 && maxUsedSpace === 0 && minFreeSpace === 0;
}

function spaces({ reservedSpace, maxUsedSpace, minFreeSpace }: Pick<CollectionSettings, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'>, disk: DiskSpace): Pick<CollectionRule, 'reservedSpace' | 'maxUsedSpace' | 'minFreeSpace'> {
  return { reservedSpace: bytesOf(reservedSpace, disk), maxUsedSpace: bytesOf(maxUsedSpace, disk), minFreeSpace: bytesOf(minFreeSpace, disk) };
}

/** A size or a share of the disk, which is rounded up as BuildKit does; empty: 0. Texts were checked when they were read. */
function bytesOf(text: string, { total }: DiskSpace): number {
  const percent = /^(\d+)%$/.exec(text)?.[1];
  if (percent !== undefined) return (Math.floor(Math.floor((total * Number(percent)) / 100) / 2 ** 30) + 1) * 1e9;
  const size = readSize(text === '' ? '0' : text, 1024);
  return 'problem' in size ? 0 : size.bytes;
}
