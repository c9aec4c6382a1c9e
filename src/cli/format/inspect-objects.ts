/**
 * `inspect` of any kind of object: as JSON, or through a template. A template sees the object typed,
 * with the Go client's fields and methods; where that fails it sees the JSON document itself.
 */
import type { Transport } from '#client/transport.ts';
import { isFailure } from '#base/errors/failure.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { decodeAny, decodeJson } from '#base/template/go-json.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import type { GoType } from '#base/template/go-type.ts';
import { Template } from '#base/template/template.ts';
import { compactJson, indentJson, parseJsonDocument } from '#base/json-document.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { errorText } from '#cli/error-text.ts';
import type { Output } from '#cli/streams/output.ts';

/** An object: its document as the daemon sent it and the type the Go client gives it. */
export interface InspectedObject {
  readonly document: string;
  /** Undefined: templates see the document alone. */
  readonly type: GoType | undefined;
  /** The type has all of the document, so that a template that fails on it has failed. */
  readonly isWhole?: boolean;
}

export interface InspectionOptions {
  readonly references: readonly string[];
  /** `--format`: empty for indented JSON, `json`, or a template. */
  readonly format: string;
  readonly find: (reference: string) => Promise<InspectedObject>;
  readonly stdout: Output;
}

/** Prints every object that is found; then fails with the errors of the others. Gives the exit code 0. */
export async function inspectObjects({ references, format, find, stdout }: InspectionOptions): Promise<number> {
  const render = renderer(format);
  const objects: string[] = [];
  const errors: string[] = [];
  for (const reference of references) {
    try {
      objects.push(render.one(await find(reference)));
    } catch (error) {
      errors.push(errorText(error));
    }
  }
  stdout.write(bytesOfText(render.all(objects)));
  if (errors.length > 0) throw new CommandFailure(errors.join('\n'));
  return 0;
}

interface Renderer {
  readonly one: (object: InspectedObject) => string;
  readonly all: (objects: readonly string[]) => string;
}

function renderer(format: string): Renderer {
  if (format !== '' && format !== 'json') return templateRenderer(format);
  const layOut = format === 'json' ? compactJson : (text: string): string => indentJson(text, '    ');
  return { one: ({ document }) => document, all: (documents) => `${layOut(`[${documents.join(',')}]`)}\n` };
}

function templateRenderer(format: string): Renderer {
  const template = parseTemplate(format);
  const one = ({ document, type, isWhole = false }: InspectedObject): string => {
    const json = parseJsonDocument(document);
    if (type !== undefined) {
      try {
        return `${template.execute(decodeJson(type, json))}\n`;
      } catch (error) {
        if (!isFailure(error, 'template.execution')) throw error;
        if (isWhole) throw new CommandFailure(`template parsing error: ${error.message}`, 1, error);
      }
    }
    try {
      return `${template.execute(decodeAny(json, true), { missingKeyFails: true })}\n`;
    } catch (error) {
      if (!isFailure(error, 'template.execution')) throw error;
      throw new CommandFailure(`template parsing error: ${error.message}`, 1, error);
    }
  };
  return { one, all: (texts) => (texts.length === 0 ? '\n' : texts.join('')) };
}

function parseTemplate(format: string): Template {
  try {
    return new Template('', format, dockerFunctions);
  } catch (error) {
    if (!isFailure(error, 'template.syntax')) throw error;
    throw new CommandFailure(`template parsing error: ${error.message}`, 64, error);
  }
}

/** The document at a path of the API, as it was sent. */
export async function readDocument(
  transport: Transport, path: string, query: Readonly<Record<string, string | boolean | undefined>>, signal: AbortSignal,
): Promise<string> {
  const { body } = await transport.request({ method: 'GET', path, query, signal });
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}
