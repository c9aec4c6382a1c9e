/** Platforms as parameters of requests: JSON documents of the OCI image specification's `platform`. */
import { fail, isFailure } from '#base/errors/failure.ts';
import { quoteRune } from '#base/template/go-quote.ts';
import type { Platform } from '#oci/platform.ts';
import { list, struct, text } from '#base/json-shape.ts';
import { decode } from '../body/decode.ts';
import { parseJson } from '../body/parse-json.ts';

interface PlatformDocument {
  readonly architecture: string;
  readonly os: string;
  readonly 'os.version': string;
  readonly 'os.features': readonly string[] | null;
  readonly variant: string;
}

const platformDocument = struct<PlatformDocument>('v1.Platform', {
  architecture: text(),
  os: text(),
  'os.version': text(),
  'os.features': list(text()),
  variant: text(),
});

/** @throws api.invalid_parameter with Docker's text */
export function readPlatform(given: string): Platform {
  const document = decodeDocument(given);
  if (document.os === '' || document.architecture === '') throw incomplete(document);
  return {
    os: document.os,
    architecture: document.architecture,
    ...(document.variant === '' ? {} : { variant: document.variant }),
    ...(document['os.version'] === '' ? {} : { osVersion: document['os.version'] }),
  };
}

/** The one platform of a parameter that may be given once; undefined where it is missing or empty. @throws api.invalid_parameter naming `several` when there are more */
export function readOnePlatform(given: readonly string[], several: string): Platform | undefined {
  if (given.length > 1) throw fail('api.invalid_parameter', { message: several });
  const [text = ''] = given;
  return text === '' ? undefined : readPlatform(text);
}

const endOfInput = 'unexpected end of JSON input';

function unreadable(reason: string, cause: unknown): Error {
  return fail('api.invalid_parameter', { message: `failed to parse platform: ${reason}` }, cause);
}

function decodeDocument(given: string): PlatformDocument {
  try {
    return decode(platformDocument, parseJson(given), 'Platform');
  } catch (error) {
    if (isFailure(error, 'api.content_after_json')) throw unreadable(`invalid character ${quoteRune(String(error.details['next']).codePointAt(0) ?? 0)} after top-level value`, error);
    if (!isFailure(error, 'api.invalid_json')) throw error;
    const reason = String(error.details['reason']);
    throw unreadable(/EOF/.test(reason) ? endOfInput : reason, error);
  }
}

function incomplete(document: PlatformDocument): Error {
  const optional = document.variant !== '' || document['os.version'] !== '' || (document['os.features'] ?? []).length > 0;
  const none = document.os === '' && document.architecture === '';
  const message = none && optional ? 'optional platform fields provided, but OS and Architecture are missing' : 'both OS and Architecture must be provided';
  return fail('api.invalid_parameter', { message });
}
