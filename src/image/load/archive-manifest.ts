/** `manifest.json` of a docker-archive: the images in it with the names of their files. Read as Go reads it, and refused in its words. */
import { fail, type EngineError } from '#base/errors/failure.ts';
import { goJsonFault, readFirstDocument } from '#base/go-json.ts';
import { JsonNumber, type JsonDocument } from '#base/json-document.ts';

/** One image of an archive, wherever it was described. */
export interface ArchivedImage {
  /** Name of the configuration file in the archive. */
  readonly config: string;
  /** The digest the configuration must have, where one was told. */
  readonly configDigest?: string;
  readonly names: readonly string[];
  /** Bottom first; `digest` is of the file as it lies in the archive, where one was told. */
  readonly layers: readonly { readonly name: string; readonly digest?: string }[];
  /** Id of the image this one was made from. */
  readonly parent?: string;
}

/** @throws image.invalid_archive */
export function parseArchiveManifest(text: string): ArchivedImage[] {
  const fault = goJsonFault(text, 'decoder');
  if (fault !== undefined) throw invalid(fault);
  const document = readFirstDocument(text)?.document ?? null;
  if (document === null) throw invalid('invalid manifest, manifest cannot be null (but can be [])');
  if (!Array.isArray(document)) throw invalid(`json: cannot unmarshal ${kindOf(document)} into Go value of type []tarexport.manifestItem`);
  const items: readonly JsonDocument[] = document;
  return items.map((item, index) => {
    if (item !== null && !(item instanceof Map)) throw invalid(`json: cannot unmarshal ${kindOf(item)} into .${index} of type tarexport.manifestItem`);
    const field = <T>(name: string, type: string, read: (value: JsonDocument) => T | undefined): T | undefined => {
      const value = fieldOf(item, name);
      if (value === undefined || value === null) return undefined;
      const result = read(value);
      if (result === undefined) throw invalid(`json: cannot unmarshal ${kindOf(value)} into Go struct field .${index}.${name} of type ${type}`);
      return result;
    };
    const parent = field('Parent', 'image.ID', textOf);
    return {
      config: field('Config', 'string', textOf) ?? '',
      names: field('RepoTags', '[]string', textsOf) ?? [],
      layers: (field('Layers', '[]string', textsOf) ?? []).map((name) => ({ name })),
      ...(parent === undefined || parent === '' ? {} : { parent }),
    };
  });
}

function invalid(message: string): EngineError {
  return fail('image.invalid_archive', { message });
}

/** Go takes names of fields in whatever case, the last one counts. */
function fieldOf(item: ReadonlyMap<string, JsonDocument> | null, name: string): JsonDocument | undefined {
  return [...(item ?? [])].findLast(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

function textOf(value: JsonDocument): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function textsOf(value: JsonDocument): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const elements: readonly JsonDocument[] = value;
  return elements.map((element) => {
    if (element === null) return '';
    if (typeof element !== 'string') throw invalid(`json: cannot unmarshal ${kindOf(element)} into Go value of type string`);
    return element;
  });
}

/** Go's name for what a value is. */
function kindOf(value: JsonDocument): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (value instanceof JsonNumber) return 'number';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
