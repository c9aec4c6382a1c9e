/** `manifest.json` of a docker-archive: the images in it with the names of their files. */
import { fail } from '#base/errors/failure.ts';
import { asArray, asObject, asString, asStrings, optional, parseJson } from '#oci/json-value.ts';

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

/** @throws image.invalid_document, image.invalid_archive */
export function parseArchiveManifest(text: string): ArchivedImage[] {
  const document = parseJson(text, 'manifest.json');
  if (document === null) throw fail('image.invalid_archive', { message: 'invalid manifest, manifest cannot be null (but can be [])' });
  return asArray(document, 'manifest.json').map((entry, index) => {
    const what = `manifest.json[${index}]`;
    const object = asObject(entry, what);
    const parent = optional(object['Parent'], `${what}.Parent`, asString);
    return {
      config: asString(object['Config'], `${what}.Config`),
      names: optional(object['RepoTags'], `${what}.RepoTags`, asStrings) ?? [],
      layers: (optional(object['Layers'], `${what}.Layers`, asStrings) ?? []).map((name) => ({ name })),
      ...(parent === undefined || parent === '' ? {} : { parent }),
    };
  });
}
