/** `-v`: one text of `HostConfig.Binds`. */
import { fail } from '#base/errors/failure.ts';
import { cleanPath, propagations, type MountWish } from './mount-wish.ts';

/** A mode has at most one word of each kind. */
const modeKinds: ReadonlyMap<string, string> = new Map([
  ...['ro', 'rw'].map((word): [string, string] => [word, 'access']),
  ...['z', 'Z'].map((word): [string, string] => [word, 'label']),
  ...[...propagations].map((word): [string, string] => [word, 'propagation']),
  ...['cached', 'delegated', 'consistent'].map((word): [string, string] => [word, 'consistency']),
  ['nocopy', 'copy'],
]);

/** Docker answers 500 for `Binds`. */
const badBind = (message: string): Error => fail('mount.bind_invalid', { message });

/** `-v` with a colon: `source:destination[:mode]`; a source without a slash at its beginning is a volume's name. */
export function readBind(specification: string, driver: string): MountWish {
  const [source = '', destination = '', mode = '', ...rest] = specification.split(':');
  const malformed = (type: string, reason: string): Error => badBind(`invalid volume specification: '${specification}': invalid mount config for type "${type}": ${reason}`);
  if (specification === '' || (specification.includes(':') && (source === '' || rest.length > 0 || (destination === '' && mode === '')))) throw badBind(`invalid volume specification: '${specification}'`);
  // An unnamed volume has no mode.
  if (rest.length === 0 && mode === '' && destination !== '' && specification.split(':').length === 2 && isMode(destination)) throw badBind(`invalid volume specification: '${specification}'`);
  if (!specification.includes(':')) return readSole(specification, driver, malformed);
  const type = source.startsWith('/') ? 'bind' : 'volume';
  checkMode(mode, badBind);
  const words = mode === '' ? [] : mode.split(',');
  if (destination === '') throw malformed(type, 'field Target must not be empty');
  if (type === 'bind' && words.includes('nocopy')) throw malformed(type, 'field VolumeOptions must not be specified');
  if (type === 'volume' && words.some((word) => propagations.has(word))) throw malformed(type, 'field BindOptions must not be specified');
  if (!destination.startsWith('/')) throw malformed(type, `invalid mount path: '${destination}' mount path must be absolute`);
  if (cleanPath(destination) === '/') throw malformed(type, "invalid specification: destination can't be '/'");
  const propagation = words.find((word) => propagations.has(word));
  const point = { Destination: cleanPath(destination), RW: !words.includes('ro') };
  if (type === 'bind') {
    return {
      point: { ...point, Type: 'bind', Source: cleanPath(source), Mode: mode, Propagation: propagation ?? 'rprivate' },
      copyUp: false,
      makeSource: true,
      anonymous: false,
      propagationGiven: propagation !== undefined,
    };
  }
  return {
    point: { ...point, Type: 'volume', Name: source, Source: '', Mode: mode === '' ? 'z' : mode, Propagation: '' },
    copyUp: !words.includes('nocopy'),
    makeSource: false,
    anonymous: false,
    modeIsDefault: mode === '',
    driver,
  };
}

/** A path alone in `Binds`: an anonymous volume. */
function readSole(path: string, driver: string, malformed: (type: string, reason: string) => Error): MountWish {
  if (!path.startsWith('/')) throw malformed('volume', `invalid mount path: '${path}' mount path must be absolute`);
  if (cleanPath(path) === '/') throw malformed('volume', "invalid specification: destination can't be '/'");
  return {
    point: { Type: 'volume', Source: '', Destination: cleanPath(path), Mode: 'z', RW: true, Propagation: '' },
    copyUp: true,
    makeSource: false,
    anonymous: true,
    modeIsDefault: true,
    driver,
  };
}

/** @throws what `refuse` makes of a word that there is not, or of two of one kind */
export function checkMode(mode: string, refuse: (message: string) => Error): void {
  if (mode !== '' && !isMode(mode)) throw refuse(`invalid mode: ${mode}`);
}

function isMode(text: string): boolean {
  const kinds = text.split(',').map((word) => modeKinds.get(word));
  return !kinds.includes(undefined) && new Set(kinds).size === kinds.length;
}
