/** `--output` of a build: where its result goes (docker buildx build, --output). */
import { parseCsvRecord } from '#base/csv-record.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import type { OutputSink } from './build-session.ts';

export interface SolveOutput {
  readonly type: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sink: OutputSink | undefined;
  /** Where the image is saved as an archive, with an OCI layout and Docker's manifest; `-`: standard output. */
  readonly archive?: string;
}

export interface OutputChoice {
  readonly outputs: readonly string[];
  readonly tags: readonly string[];
  readonly push: boolean;
  readonly stdout: NodeJS.WritableStream & import('node:stream').Writable;
  readonly isTerminal: boolean;
}

/** @throws CommandFailure with buildx's texts */
export function readOutputs({ outputs, tags, push, stdout, isTerminal }: OutputChoice): SolveOutput[] {
  const name = tags.join(',');
  const image = (attributes: Readonly<Record<string, string>>): SolveOutput => ({ type: 'moby', attributes: { ...(name === '' ? {} : { name }), ...attributes, ...(push ? { push: 'true' } : {}) }, sink: undefined });
  if (outputs.length === 0) return [image({})];
  return outputs.map((text): SolveOutput => {
    const fields = parseCsvRecord(text);
    const [only = ''] = fields;
    const isPath = fields.length === 1 && !only.startsWith('type=');
    const values: Record<string, string> = isPath ? { type: only === '-' ? 'tar' : 'local', dest: only } : {};
    if (!isPath) {
      for (const field of fields) {
        const equals = field.indexOf('=');
        if (equals < 0) throw new CommandFailure(`invalid value ${field}`);
        values[field.slice(0, equals).toLowerCase()] = field.slice(equals + 1);
      }
    }
    const { type = '', dest = '', ...attributes } = values;
    switch (type) {
      case 'oci':
      case 'docker':
        if (type === 'docker' && dest === '') return image(attributes);
        if (attributes['tar'] === 'false') throw new CommandFailure(`${type} output goes to an archive: tar=false is not supported`);
        if ((dest === '' || dest === '-') && isTerminal) throw new CommandFailure(`dest file is required for ${type} exporter. refusing to write to console`);
        return { ...image(Object.fromEntries(Object.entries(attributes).filter(([key]) => key === 'name'))), archive: dest === '' ? '-' : dest };
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
