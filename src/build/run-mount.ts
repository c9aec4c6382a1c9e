/** `RUN --mount=…` (Dockerfile reference, RUN). Texts of failures are BuildKit's. */
import { parseCsvRecord } from '#base/csv-record.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { readSize } from '#base/read-size.ts';
import { meant } from './suggest-name.ts';
import { messageOf } from '#base/errors/failure.ts';

export const mountTypes = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
export const sharingModes = ['shared', 'private', 'locked'] as const;

export interface MountRequest {
  type: (typeof mountTypes)[number];
  /** Stage, context or image; empty: the build context. */
  from: string;
  source: string;
  target: string;
  readonly: boolean;
  /** Bytes; 0: no limit. */
  size: number;
  id: string;
  sharing: (typeof sharingModes)[number];
  required: boolean;
  /** Undefined: no variable; empty: the one by the secret's name. */
  variable: string | undefined;
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
}

const keys: ReadonlySet<string> = new Set(['type', 'from', 'source', 'src', 'target', 'dst', 'destination', 'readonly', 'ro', 'readwrite', 'rw', 'required', 'size', 'id', 'sharing', 'mode', 'uid', 'gid', 'env']);

/** The value of `from`, which must be known before anything is resolved. @throws Error */
export function mountSource(text: string): string {
  const from = fieldsOf(text).find(({ key }) => key === 'from')?.value ?? '';
  const dollar = from.indexOf('$');
  if (dollar >= 0 && dollar !== from.length - 1) throw new Error("'from' doesn't support variable expansion, define alias stage instead");
  return from;
}

/** @param expand resolves the variables of a value. @throws Error */
export function readRunMount(text: string, expand: (value: string) => string): MountRequest {
  const mount: MountRequest = {
    type: 'bind', from: '', source: '', target: '', readonly: true, size: 0, id: '', sharing: 'shared', required: false, variable: undefined, mode: undefined, uid: undefined, gid: undefined,
  };
  let decided = false;
  let shared = false;
  for (const { key, value: given, field } of fieldsOf(text)) {
    if (given === undefined) {
      if (key === 'readonly' || key === 'ro' || key === 'readwrite' || key === 'rw') {
        mount.readonly = key.startsWith('readonly') || key === 'ro';
        decided = true;
      } else if (key === 'required') {
        checkKind(mount.type === 'secret' || mount.type === 'ssh', key, mount);
        mount.required = true;
      } else throw new Error(`invalid field '${field}' must be a key=value pair`);
      continue;
    }
    if (!keys.has(key)) throw new Error(`unexpected key '${key}' in '${field}'${meant(key, [...keys])}`);
    const value = expand(given);
    const truth = (): boolean => {
      const read = parseGoBoolean(value);
      if (read === undefined) throw new Error(`invalid value for ${key}: ${value}`);
      return read;
    };
    const number = (base: 8 | 10): number => {
      if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(value)) throw new Error(`invalid value ${value} for ${key}`);
      return Number.parseInt(value, base);
    };
    switch (key) {
      case 'type':
        mount.type = mountTypes.find((type) => type === value.toLowerCase()) ?? unsupported('mount type', value);
        break;
      case 'from':
        mount.from = value;
        break;
      case 'source':
      case 'src':
        mount.source = value;
        break;
      case 'target':
      case 'dst':
      case 'destination':
        mount.target = value;
        break;
      case 'readonly':
      case 'ro':
        mount.readonly = truth();
        decided = true;
        break;
      case 'readwrite':
      case 'rw':
        mount.readonly = !truth();
        decided = true;
        break;
      case 'required':
        checkKind(mount.type === 'secret' || mount.type === 'ssh', key, mount);
        mount.required = truth();
        break;
      case 'size': {
        checkKind(mount.type === 'tmpfs', key, mount);
        const size = readSize(value, 1024);
        if ('problem' in size) throw new Error(`invalid value for ${key}: ${value}`);
        mount.size = size.bytes;
        break;
      }
      case 'id':
        mount.id = value;
        break;
      case 'sharing':
        mount.sharing = sharingModes.find((mode) => mode === value.toLowerCase()) ?? unsupported('sharing value', value);
        shared = true;
        break;
      case 'mode':
        mount.mode = number(8);
        break;
      case 'uid':
        mount.uid = number(10);
        break;
      case 'gid':
        mount.gid = number(10);
        break;
      default:
        mount.variable = value;
    }
  }
  check(mount, shared);
  if (!decided) mount.readonly = mount.type !== 'cache' && mount.type !== 'tmpfs';
  return mount;
}

function check(mount: MountRequest, shared: boolean): void {
  const { type, from, source, target, id } = mount;
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) if (mount[key] !== undefined) throw new Error(`${key} not allowed for "${type}" type mounts`);
  }
  if (type === 'secret') {
    if (from !== '') throw new Error('secret mount should not have a from');
    if (shared) throw new Error('secret mount should not define sharing');
    if (source === '' && target === '' && id === '') throw new Error('invalid secret mount. one of source, target required');
    if (source !== '' && id !== '') throw new Error("both source and id can't be set");
  }
  if (shared && type !== 'cache') throw new Error(`invalid cache sharing set for ${type} mount`);
}

function checkKind(allowed: boolean, key: string, { type }: MountRequest): void {
  if (!allowed) throw new Error(`unexpected key '${key}' for mount type '${type}'`);
}

function unsupported(what: string, value: string): never {
  throw new Error(`unsupported ${what} "${value}"`);
}

function fieldsOf(text: string): { key: string; value: string | undefined; field: string }[] {
  let fields: string[];
  try {
    fields = parseCsvRecord(text);
  } catch (error) {
    throw new Error(`failed to parse csv mounts: ${messageOf(error)}`);
  }
  return fields.map((field) => {
    const equals = field.indexOf('=');
    return { key: (equals < 0 ? field : field.slice(0, equals)).toLowerCase(), value: equals < 0 ? undefined : field.slice(equals + 1), field };
  });
}
