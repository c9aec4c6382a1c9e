/** `--output` of a build: where its result goes (docker buildx build, --output). */
import { parseCsvRecord } from '#base/csv-record.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import type { OutputSink } from './build-session.ts';

export interface SolveOutput {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sink: OutputSink | undefined;
}

export interface OutputChoice {
  readonly outputs: readonly string[];
  readonly tags: readonly string[];
  readonly push: boolean;
  /** Of every image that is exported. */
  readonly annotations?: readonly string[];
  readonly stdout: NodeJS.WritableStream & import('node:stream').Writable;
  readonly isTerminal: boolean;
}

/** @throws CommandFailure with buildx's texts */
export function readOutputs({ outputs, tags, push, annotations = [], stdout, isTerminal }: OutputChoice): SolveOutput[] {
  const name = tags.join(',');
  const noted = Object.fromEntries(annotations.map(annotationAttribute));
  const image = (attributes: Readonly<Record<string, string>>, type = 'moby'): SolveOutput => ({ type, attributes: { ...(name === '' ? {} : { name }), ...noted, ...attributes, ...(push && type === 'moby' ? { push: 'true' } : {}) }, sink: undefined });
  if (outputs.length === 0) return [image({})];
  return outputs.map((text): SolveOutput => {
    const { type = '', dest = '', ...attributes } = valuesOf(text);
    switch (type) {
      case 'oci':
      case 'docker':
        if (type === 'docker' && dest === '') return image(attributes);
        if (dest === '' || dest === '-') {
          if (isTerminal) throw new CommandFailure(`dest file is required for ${type} exporter. refusing to write to console`);
          return { ...image(attributes, type), sink: { kind: 'stream', stream: stdout } };
        }
        return { ...image(attributes, type), sink: { kind: 'archive', path: dest } };
      case 'image':
      case 'registry':
      case 'moby':
        return image({ ...attributes, ...(type === 'registry' ? { push: 'true' } : {}) });
      case 'local':
        if (dest === '') throw new CommandFailure('dest is required for local output');
        return { type, attributes, sink: { kind: 'directory', path: dest } };
      case 'tar':
        if (dest === '' || dest === '-') {
          if (isTerminal) throw new CommandFailure('dest file is required for tar exporter. refusing to write to console');
          return { type, attributes, sink: { kind: 'stream', stream: stdout } };
        }
        return { type, attributes, sink: { kind: 'archive', path: dest } };
      case '':
        throw new CommandFailure('type is required for output');
      default:
        return { type, attributes, sink: undefined };
    }
  });
}

function valuesOf(text: string): Record<string, string> {
  const fields = parseCsvRecord(text);
  const [only = ''] = fields;
  if (fields.length === 1 && !only.startsWith('type=')) return { type: only === '-' ? 'tar' : 'local', dest: only };
  return Object.fromEntries(fields.map((field) => {
    const equals = field.indexOf('=');
    if (equals < 0) throw new CommandFailure(`invalid value ${field}`);
    return [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  }));
}

/** `[PLACE[PLATFORM],…:]NAME=VALUE` as an attribute of the exporter. @throws CommandFailure */
function annotationAttribute(text: string): [string, string] {
  const [, places = '', name = '', value] = /^(?:((?:index|manifest)(?:-descriptor)?(?:\[[^\]]*\])?):)?([^=]+)=(.*)$/s.exec(text) ?? [];
  if (value === undefined || name === '') throw new CommandFailure(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
  return [`annotation${places === '' ? '' : `-${places}`}.${name}`, value];
}
