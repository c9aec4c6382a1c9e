/** `--mount type=bind,source=…,target=…`. */
import { isAbsolute, resolve } from 'node:path';
import { parseCsvRecord } from '#base/csv-record.ts';
import type { Flag, FlagOptions } from '#cli/flag.ts';
import { parseSize } from '#cli/parse-size.ts';
import { parseBoolean, parseUnsigned } from '#cli/go-number.ts';
import { warn } from '#cli/warn.ts';
import type { MountRequest } from '#schema/container-config.ts';

export function mountFlag(options: FlagOptions): Flag<readonly MountRequest[]> {
  return { ...options, type: 'mount', initial: [], add: (current, text) => [...current, parseMount(text)] };
}

type Loose<T> = { -readonly [K in keyof T]: T[K] };

interface Draft {
  type: string;
  mount: Loose<MountRequest>;
  bind: Loose<NonNullable<MountRequest['BindOptions']>> | undefined;
  volume: { NoCopy?: boolean; Labels: Record<string, string>; Subpath?: string; driver: { Name?: string; Options?: Record<string, string> } } | undefined;
  image: { Subpath?: string } | undefined;
  tmpfs: { SizeBytes?: number; Mode?: number } | undefined;
}

/** @throws Error with Docker's texts */
export function parseMount(text: string): MountRequest {
  const draft: Draft = { type: 'volume', mount: {}, bind: undefined, volume: undefined, image: undefined, tmpfs: undefined };
  for (const field of parseCsvRecord(text)) {
    const cut = field.indexOf('=');
    const key = (cut < 0 ? field : field.slice(0, cut)).toLowerCase();
    if (cut < 0) setBare(draft, key, field);
    else setValue(draft, key, field.slice(cut + 1), field);
  }
  return finish(draft);
}

function setBare(draft: Draft, key: string, field: string): void {
  if (key === 'readonly' || key === 'ro') draft.mount.ReadOnly = true;
  else if (key === 'volume-nocopy') volumeOf(draft).NoCopy = true;
  else if (key === 'bind-nonrecursive') bindOf(draft).NonRecursive = true;
  else throw new Error(`invalid field '${field}' must be a key=value pair`);
}

function setValue(draft: Draft, key: string, value: string, field: string): void {
  const { mount } = draft;
  switch (key) {
    case 'type':
      draft.type = value.toLowerCase();
      return;
    case 'source':
    case 'src':
      mount.Source = !isAbsolute(value) && value.startsWith('.') ? resolve(value) : value;
      return;
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = value;
      return;
    case 'readonly':
    case 'ro':
      mount.ReadOnly = booleanOr(value, `invalid value for ${key}: ${value}`);
      return;
    case 'consistency':
      mount.Consistency = value.toLowerCase();
      return;
    case 'bind-propagation':
      bindOf(draft).Propagation = value.toLowerCase();
      return;
    case 'bind-nonrecursive':
      bindOf(draft).NonRecursive = booleanOr(value, `invalid value for ${key}: ${value}`);
      warn('bind-nonrecursive is deprecated, use bind-recursive=disabled instead');
      return;
    case 'bind-recursive':
      setRecursion(draft, value);
      return;
    case 'volume-subpath':
      volumeOf(draft).Subpath = value;
      return;
    case 'volume-nocopy':
      volumeOf(draft).NoCopy = booleanOr(value, `invalid value for volume-nocopy: ${value}`);
      return;
    case 'volume-label':
      setPair(volumeOf(draft).Labels, value);
      return;
    case 'volume-driver':
      volumeOf(draft).driver.Name = value;
      return;
    case 'volume-opt':
      setPair((volumeOf(draft).driver.Options ??= {}), value);
      return;
    case 'image-subpath':
      (draft.image ??= {}).Subpath = value;
      return;
    case 'tmpfs-size':
      (draft.tmpfs ??= {}).SizeBytes = parsedOr(() => parseSize(value), `invalid value for ${key}: ${value}`);
      return;
    case 'tmpfs-mode':
      (draft.tmpfs ??= {}).Mode = parsedOr(() => parseUnsigned(value, 32, 8), `invalid value for ${key}: ${value}`);
      return;
    default:
      throw new Error(`unexpected key '${key}' in '${field}'`);
  }
}

function setRecursion(draft: Draft, value: string): void {
  const bind = bindOf.bind(undefined, draft);
  if (value === 'enabled') return;
  if (value === 'disabled') bind().NonRecursive = true;
  else if (value === 'writable') bind().ReadOnlyNonRecursive = true;
  else if (value === 'readonly') bind().ReadOnlyForceRecursive = true;
  else throw new Error(`invalid value for bind-recursive: ${value} (must be "enabled", "disabled", "writable", or "readonly")`);
}

function finish(draft: Draft): MountRequest {
  const { type, mount, bind, volume, image, tmpfs } = draft;
  if (type === '') throw new Error('type is required');
  if (mount.Target === undefined || mount.Target === '') throw new Error('target is required');
  if (volume !== undefined && type !== 'volume') throw new Error(`cannot mix 'volume-*' options with mount type '${type}'`);
  if (image !== undefined && type !== 'image') throw new Error(`cannot mix 'image-*' options with mount type '${type}'`);
  if (bind !== undefined && type !== 'bind') throw new Error(`cannot mix 'bind-*' options with mount type '${type}'`);
  if (tmpfs !== undefined && type !== 'tmpfs') throw new Error(`cannot mix 'tmpfs-*' options with mount type '${type}'`);
  if (bind?.ReadOnlyNonRecursive === true && mount.ReadOnly !== true) throw new Error("option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
  if (bind?.ReadOnlyForceRecursive === true) {
    if (mount.ReadOnly !== true) throw new Error("option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
    if (bind.Propagation !== 'rprivate') throw new Error("option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction");
  }
  // The daemon judges types it does not know.
  const request: Loose<MountRequest> = withoutZeros({ Type: type as NonNullable<MountRequest['Type']>, ...mount });
  if (bind !== undefined) request.BindOptions = withoutZeros(bind);
  if (volume !== undefined) {
    const { driver, Labels, ...rest } = volume;
    request.VolumeOptions = { ...withoutZeros(rest), ...(Object.keys(Labels).length === 0 ? {} : { Labels }), DriverConfig: withoutZeros(driver) };
  }
  if (image !== undefined) request.ImageOptions = withoutZeros(image);
  if (tmpfs !== undefined) request.TmpfsOptions = withoutZeros(tmpfs);
  return request;
}

/** Without what Go leaves out as empty. */
function withoutZeros<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== '' && field !== false && field !== 0)) as T;
}

function bindOf(draft: Draft): NonNullable<Draft['bind']> {
  return (draft.bind ??= {});
}

function volumeOf(draft: Draft): NonNullable<Draft['volume']> {
  return (draft.volume ??= { Labels: {}, driver: {} });
}

function setPair(target: Record<string, string>, text: string): void {
  const cut = text.indexOf('=');
  const key = cut < 0 ? text : text.slice(0, cut);
  if (key !== '') target[key] = cut < 0 ? '' : text.slice(cut + 1);
}

function booleanOr(text: string, problem: string): boolean {
  return parsedOr(() => parseBoolean(text), problem);
}

function parsedOr<T>(parse: () => T, problem: string): T {
  try {
    return parse();
  } catch (error) {
    throw new Error(problem, { cause: error });
  }
}
