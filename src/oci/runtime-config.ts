/** The `config` object of an image's configuration: what a container is made with. Read as Docker reads its `container.Config`. */
import { JsonNumber, type JsonDocument } from '#base/json-document.ts';
import { emptyStruct, flag, int64, list, readShape, record, stringOrList, struct, text, unlessEmpty, whenGiven, type Fields, type Shape } from '#base/json-shape.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';

const strings = list(text());
const duration = int64('time.Duration');
const int = int64('int');

/** Fields in the order of their names, as Docker's inspect prints them. */
const health = struct<NonNullable<ImageRuntimeConfig['Healthcheck']>>('v1.HealthcheckConfig', {
  Interval: unlessEmpty(duration),
  Retries: unlessEmpty(int),
  StartInterval: unlessEmpty(duration),
  StartPeriod: unlessEmpty(duration),
  Test: unlessEmpty(strings),
  Timeout: unlessEmpty(duration),
});

/** With its keys in order, as Go prints maps. */
function sorted<T>(shape: Shape<Record<string, T> | null>): Shape<Record<string, T> | null> {
  return {
    ...shape,
    read: (value) => {
      const read = shape.read(value);
      return read && Object.fromEntries(Object.entries(read).sort(([a], [b]) => (a < b ? -1 : 1)));
    },
  };
}

/** Fields that are always told, be there anything in them or not. */
type Told = 'User' | 'Env' | 'Entrypoint' | 'Cmd' | 'Volumes' | 'WorkingDir' | 'Labels' | 'OnBuild';
type ImageFields = Required<Pick<ImageRuntimeConfig, Told>> & Omit<ImageRuntimeConfig, Told>;

const imageFields: Fields<ImageFields> = {
  User: text(),
  ExposedPorts: unlessEmpty(sorted(record(emptyStruct, 'nat.PortSet'))),
  Env: strings,
  Entrypoint: stringOrList,
  Cmd: stringOrList,
  Volumes: sorted(record(emptyStruct)),
  WorkingDir: text(),
  Labels: sorted(record(text())),
  StopSignal: unlessEmpty(text()),
  ArgsEscaped: unlessEmpty(flag),
  OnBuild: strings,
  Shell: unlessEmpty(stringOrList),
  Healthcheck: whenGiven(health),
};

interface ContainerFields {
  Hostname?: string;
  Domainname?: string;
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  Tty?: boolean;
  OpenStdin?: boolean;
  StdinOnce?: boolean;
  Image?: string;
  MacAddress?: string;
  NetworkDisabled?: boolean;
  StopTimeout?: number;
}

/** Of the container that an image was made in: they have to be of their type, and are not an image's. */
const containerFields: Fields<ContainerFields> = {
  Hostname: unlessEmpty(text()),
  Domainname: unlessEmpty(text()),
  AttachStdin: unlessEmpty(flag),
  AttachStdout: unlessEmpty(flag),
  AttachStderr: unlessEmpty(flag),
  Tty: unlessEmpty(flag),
  OpenStdin: unlessEmpty(flag),
  StdinOnce: unlessEmpty(flag),
  Image: unlessEmpty(text()),
  MacAddress: unlessEmpty(text()),
  NetworkDisabled: unlessEmpty(flag),
  StopTimeout: whenGiven(int),
};

const full = struct<ImageFields & ContainerFields>('container.Config', { ...imageFields, ...containerFields });

/** The fields of an image; those of a container are looked at and left out. */
export const runtimeConfig: Shape<ImageRuntimeConfig> = {
  ...full,
  read: (value) => {
    const { Hostname, Domainname, AttachStdin, AttachStdout, AttachStderr, Tty, OpenStdin, StdinOnce, Image, MacAddress, NetworkDisabled, StopTimeout, ...image } = full.read(value);
    return image;
  },
};

/** {@link runtimeConfig} of an object that is read already. @throws ShapeFault */
export function runtimeConfigOf(config: unknown): ImageRuntimeConfig {
  return readShape(runtimeConfig, documentOf(config), 'Config');
}

function documentOf(value: unknown): JsonDocument {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return new JsonNumber(String(value));
  if (Array.isArray(value)) return value.map(documentOf);
  if (typeof value !== 'object' || value === null) return null;
  return new Map(Object.entries(value).map(([key, member]) => [key, documentOf(member)]));
}
