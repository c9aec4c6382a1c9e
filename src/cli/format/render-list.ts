/** Lists through a format: a table, JSON, or a template of the user's. */
import { isFailure } from '#base/errors/failure.ts';
import { dockerFunctions, headerFunctions } from '#base/template/docker-functions.ts';
import { mapOf, named, stringType } from '#base/template/go-type.ts';
import { goString, textOf, type GoValue } from '#base/template/go-value.ts';
import { Template } from '#base/template/template.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { alignColumns } from './align-columns.ts';

export interface ListFormat {
  /** `table …`, `json`, or a template. */
  readonly format: string;
  /** A column's name to its header. */
  readonly headers: Readonly<Record<string, string>>;
}

const headerType = named('formatter.SubHeaderContext', mapOf(stringType, stringType), {
  Label: {
    parameters: [stringType], variadic: false, result: stringType,
    // The last part of a dotted label, in words.
    call: (_header, [label]) => goString((label === undefined ? '' : textOf(label).split('.').at(-1) ?? '').replaceAll(/[-_]/g, ' ')),
  },
});

/** A format's template, as it is parsed: without `table`, the escapes `\t` and `\n` replaced. */
function templateText(format: string): string {
  const text = format.startsWith('table') ? format.slice('table'.length) : format === 'json' ? '{{json .}}' : format;
  return text.replace(/^ +| +$/g, '').replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

/** The whole list. @throws CommandFailure with Docker's text for a template that is wrong */
export function renderList({ format, headers }: ListFormat, rows: Iterable<GoValue>): string {
  const template = asFailure(() => new Template('', templateText(format), dockerFunctions));
  const isTable = format.startsWith('table');
  const parts: string[] = isTable ? [headerOf(template, headers), '\n'] : [];
  for (const row of rows) parts.push(asFailure(() => template.execute(row)), '\n');
  const text = parts.join('');
  return isTable ? alignColumns(text) : text;
}

/** One value through a format. @throws CommandFailure for a template that cannot be parsed, template.execution */
export function renderOne(format: string, value: GoValue): string {
  return asFailure(() => new Template('', templateText(format), dockerFunctions)).execute(value);
}

function headerOf(template: Template, headers: Readonly<Record<string, string>>): string {
  const entries = Object.entries(headers).map(([column, header]) => [column, goString(header)] as const);
  const parts: string[] = [];
  try {
    template.executeTo((part) => parts.push(part), { type: headerType, data: new Map(entries) }, { functions: headerFunctions });
  } catch (error) {
    // A header that a template cannot be made of ends where the template failed.
    if (!isFailure(error, 'template.execution')) throw error;
  }
  return parts.join('');
}

function asFailure<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!isFailure(error, 'template.execution') && !isFailure(error, 'template.syntax')) throw error;
    throw new CommandFailure(`template parsing error: ${error.message}`, 1, error);
  }
}
