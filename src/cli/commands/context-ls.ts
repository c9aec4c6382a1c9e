/** `context ls`. */
import { noArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { defaultDescription, KnownContexts } from '#cli/contexts/known-contexts.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { contextType } from '#cli/format/context-type.ts';
import { listFormatText } from '#cli/format/format-texts.ts';
import { compareNaturally } from '#cli/format/natural-order.ts';
import { renderList } from '#cli/format/render-list.ts';
import { boolType } from '#base/template/go-type.ts';
import { goBool } from '#base/template/go-value.ts';
import { bytesOfText } from '#base/template/go-text.ts';

interface Row {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly description: string;
  readonly host: string;
  readonly error: string;
}

const rowContext = contextType<Row>('formatter.clientContextContext', {
  Current: { type: boolType, read: (row) => goBool(row.isCurrent) },
  Name: (row) => row.name,
  Description: (row) => row.description,
  DockerEndpoint: (row) => row.host,
  Error: (row) => row.error,
});

const headers = { Name: 'NAME', Description: 'DESCRIPTION', DockerEndpoint: 'DOCKER ENDPOINT', Error: 'ERROR' };
const table = 'table {{.Name}}{{if .Current}} *{{end}}\\t{{.Description}}\\t{{.DockerEndpoint}}\\t{{.Error}}';

export const command = defineCommand({
  usage: 'ls [OPTIONS]',
  positional: noArguments,
  flags: {
    format: textFlag({ text: listFormatText }),
    quiet: booleanFlag({ short: 'q', text: 'Only show context names' }),
  },
  async run(invocation) {
    const { flags, stdout, stderr, environment } = invocation;
    const contexts = new KnownContexts(invocation);
    const { current } = contexts;
    const rows: Row[] = [contexts.read('default'), ...contexts.store.list()].map(({ Name: name, Metadata: metadata, Endpoints: endpoints }) => ({
      name,
      isCurrent: name === current,
      description: name === 'default' ? defaultDescription : metadata.Description ?? '',
      host: endpoints.docker?.Host ?? '',
      error: endpoints.docker === undefined ? `cannot find docker endpoint in context "${name}"` : '',
    }));
    if (!rows.some((row) => row.isCurrent)) rows.push({ name: current, isCurrent: true, description: '', host: '', error: reasonOf(contexts, current) });
    rows.sort((left, right) => compareNaturally(left.name, right.name));
    const source = flags.format === '' ? 'table' : flags.format;
    const format = flags.quiet ? '{{.Name}}' : source === 'table' ? table : source;
    stdout.write(bytesOfText(renderList({ format, headers }, rows.map(rowContext.value))));
    if ((environment['DOCKER_HOST'] ?? '') !== '') {
      stderr.writeLine('Warning: DOCKER_HOST environment variable overrides the active context. To use a context, either set the global --context flag, or unset DOCKER_HOST environment variable.');
    }
    return 0;
  },
});

function reasonOf(contexts: KnownContexts, name: string): string {
  try {
    contexts.read(name);
    return '';
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return error.message;
  }
}
