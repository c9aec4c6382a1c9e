/** A volume driver that is a plugin: the calls `VolumeDriver.*` of Docker's volume plugin protocol, and nothing kept. */
import { fail, isFailure } from '#base/errors/failure.ts';
import type { Plugin } from '#plugin/contract.ts';

/** What a plugin tells of a volume. */
export interface PluginVolume {
  readonly name: string;
  readonly mountpoint: string;
  /** RFC 3339, to the second. */
  readonly createdAt: string;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Milliseconds, as Docker gives. */
const longTimeout = 120_000;
const shortTimeout = 60_000;
const unknownMoment = '0001-01-01T00:00:00Z';

export class PluginDriver {
  readonly name: string;
  readonly #plugin: Plugin;
  #scope: 'local' | 'global' | undefined;

  constructor(plugin: Plugin) {
    this.name = plugin.name;
    this.#plugin = plugin;
  }

  async create(name: string, options: Readonly<Record<string, string>> | null, signal?: AbortSignal): Promise<void> {
    await this.#call('Create', { Name: name, Opts: options }, { timeout: longTimeout, patient: true, signal });
  }

  async remove(name: string): Promise<void> {
    await this.#call('Remove', { Name: name }, { timeout: shortTimeout, patient: true });
  }

  /** @param id of the user, which {@link unmount} gets again @returns where its content is */
  async mount(name: string, id: string, signal?: AbortSignal): Promise<string> {
    const answer = await this.#call('Mount', { Name: name, ID: id }, { timeout: longTimeout, patient: true, signal });
    const mountpoint = textOf(answer, 'Mountpoint');
    return mountpoint === '' ? textOf(await this.#call('Path', { Name: name }, { timeout: shortTimeout, patient: false }), 'Mountpoint') : mountpoint;
  }

  async unmount(name: string, id: string, { patient }: { patient: boolean }): Promise<void> {
    await this.#call('Unmount', { Name: name, ID: id }, { timeout: shortTimeout, patient });
  }

  /** @throws plugin.unreachable; what else a plugin says means that it has no such volume, as to Docker */
  async get(name: string, options: { readonly patient: boolean; readonly timeout?: number; readonly signal?: AbortSignal | undefined }): Promise<PluginVolume | undefined> {
    let answer: unknown;
    try {
      answer = await this.#call('Get', { Name: name }, { timeout: shortTimeout, ...options });
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
    const volume = fieldOf(answer, 'Volume');
    return volume === undefined || volume === null ? undefined : volumeIn(volume, name);
  }

  async list(): Promise<PluginVolume[]> {
    const volumes = fieldOf(await this.#call('List', {}, { timeout: shortTimeout, patient: false }), 'Volumes');
    return Array.isArray(volumes) ? volumes.map((volume) => ({ ...volumeIn(volume, ''), createdAt: unknownMoment, status: {} })) : [];
  }

  /** A plugin need not tell: then it is of this machine. */
  async scope(): Promise<'local' | 'global'> {
    if (this.#scope !== undefined) return this.#scope;
    try {
      const told = textOf(fieldOf(await this.#call('Capabilities', {}, { timeout: shortTimeout, patient: false }), 'Capabilities'), 'Scope').toLowerCase();
      this.#scope = told === 'global' ? 'global' : 'local';
      return this.#scope;
    } catch (error) {
      if (isRefusal(error) || isFailure(error, 'plugin.unreachable')) return 'local';
      throw error;
    }
  }

  async #call(method: string, body: object, options: Parameters<Plugin['call']>[2]): Promise<unknown> {
    const answer = await this.#plugin.call(`VolumeDriver.${method}`, body, options);
    refuseShape(method, answer);
    const reason = textOf(answer, 'Err');
    if (reason !== '') throw fail('plugin.driver_error', { reason });
    return answer;
  }
}

/** What is no answer must not be taken for a yes. @throws plugin.answer_invalid as Go's decoder says it */
function refuseShape(method: string, answer: unknown): void {
  const told = fieldOf(answer, 'Err');
  const isObject = answer === null || (typeof answer === 'object' && !Array.isArray(answer));
  if (isObject && (told === undefined || told === null || typeof told === 'string')) return;
  const reason = isObject ? `json: cannot unmarshal ${kindOf(told)} into Go struct field .Err of type string` : `json: cannot unmarshal ${kindOf(answer)} into Go value of type drivers.volumeDriverProxy${method}Response`;
  throw fail('plugin.answer_invalid', { method, reason });
}

/** As Go names the kinds of JSON. */
function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
}

/** The plugin has answered, and said no. */
function isRefusal(error: unknown): boolean {
  return isFailure(error, 'plugin.refused') || isFailure(error, 'plugin.driver_error') || isFailure(error, 'plugin.answer_invalid');
}

function volumeIn(value: unknown, asked: string): PluginVolume {
  const status = fieldOf(value, 'Status');
  const name = textOf(value, 'Name');
  return {
    name: name === '' ? asked : name,
    mountpoint: textOf(value, 'Mountpoint'),
    createdAt: momentIn(textOf(value, 'CreatedAt')),
    status: typeof status === 'object' && status !== null && !Array.isArray(status) ? { ...status } : {},
  };
}

function momentIn(text: string): string {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text) ? text.replace(/\.\d+/, '') : unknownMoment;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textOf(value: unknown, name: string): string {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : '';
}
