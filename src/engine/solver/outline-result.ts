/** What `--call=outline` answers: arguments, secrets and agents that a build of the target takes (BuildKit's sub-request `frontend.outline`). */
import { fail } from '#base/errors/failure.ts';
import { quoteText } from '#base/template/go-quote.ts';
import { readDockerfile, type Command, type Dockerfile, type LineRange, type Stage } from '#build/dockerfile.ts';
import { mountSource, readRunMount } from '#build/run-mount.ts';
import { expandWord } from '#oci/instructions/expand-word.ts';
import { splitArgument } from './plan-context.ts';
import type { SolveOptions } from './solve-options.ts';

interface OutlineEntry {
  readonly name: string;
  readonly value?: string | undefined;
  readonly description?: string | undefined;
  readonly required?: true | undefined;
  readonly range: LineRange;
}

/** @throws build.invalid_dockerfile, build.solve_failed */
export function outlineResult(text: string, options: SolveOptions): Record<string, Buffer> {
  const dockerfile = readDockerfile(text);
  const target = targetOf(dockerfile, options.target);
  const outline = new Outline(dockerfile, options);
  outline.visit(target);
  const document = {
    name: target.name === '' ? undefined : target.name,
    description: describedAs(target.comments, target.name),
    args: unlessEmpty(outline.arguments()),
    secrets: unlessEmpty(outline.secrets()),
    ssh: unlessEmpty(outline.agents()),
    sources: [Buffer.from(text).toString('base64')],
  };
  return { 'result.json': Buffer.from(JSON.stringify(document, undefined, 2)), 'result.txt': Buffer.from(outline.text(target)), version: Buffer.from('1.0.0') };
}

function targetOf({ stages }: Dockerfile, name: string): Stage {
  const found = name === '' ? stages.at(-1) : stages.findLast((stage) => stage.name === name.toLowerCase());
  if (found === undefined) throw fail('build.solve_failed', { message: `target stage ${quoteText(name)} could not be found` });
  return found;
}

/** Gathers from a stage and what it is made of. */
class Outline {
  readonly #dockerfile: Dockerfile;
  readonly #options: SolveOptions;
  readonly #visited = new Map<Stage, Map<string, string>>();
  readonly #arguments = new Map<string, OutlineEntry>();
  readonly #secrets = new Map<string, OutlineEntry>();
  readonly #agents = new Map<string, OutlineEntry>();
  readonly #globals = new Map<string, OutlineEntry>();

  constructor(dockerfile: Dockerfile, options: SolveOptions) {
    this.#dockerfile = dockerfile;
    this.#options = options;
    const variables = new Map<string, string>();
    for (const command of dockerfile.metaArguments) {
      for (const entry of this.#declared(command, variables)) {
        this.#globals.set(entry.name, entry);
        if (entry.value !== undefined) variables.set(entry.name, entry.value);
      }
    }
  }

  /** Answers the variables that a stage ends with. */
  visit(stage: Stage): Map<string, string> {
    const known = this.#visited.get(stage);
    if (known !== undefined) return known;
    const base = this.#stage(stage.base);
    const variables = new Map(base === undefined ? [] : this.visit(base));
    this.#visited.set(stage, variables);
    for (const command of stage.commands) {
      if (command.word === 'ARG') this.#argument(command, variables);
      else if (command.word === 'COPY') this.#source(command.flags.get('from') ?? '');
      else if (command.word === 'RUN') this.#mounts(command, variables);
    }
    return variables;
  }

  arguments(): object[] {
    return viewsOf(this.#arguments);
  }

  secrets(): object[] {
    return viewsOf(this.#secrets);
  }

  agents(): object[] {
    return viewsOf(this.#agents);
  }

  /** As people read it. */
  text({ name, comments }: Stage): string {
    const description = describedAs(comments, name);
    const head = name === '' && description === undefined ? [] : description === undefined ? [`TARGET: ${name}`, ''] : [`TARGET:      ${name}`, `DESCRIPTION: ${description}`, ''];
    const tables = [
      table(['BUILD ARG', 'VALUE', 'DESCRIPTION'], sorted(this.#arguments).map((entry) => [entry.name, entry.value ?? '', entry.description ?? ''])),
      table(['SECRET', 'REQUIRED'], sorted(this.#secrets).map((entry) => [entry.name, entry.required === true ? 'true' : ''])),
      table(['SSH', 'REQUIRED'], sorted(this.#agents).map((entry) => [entry.name, entry.required === true ? 'true' : ''])),
    ];
    return [...head, ...tables.filter((lines) => lines.length > 0).flatMap((lines) => [...lines, ''])].map((line) => `${line}\n`).join('');
  }

  #stage(name: string): Stage | undefined {
    return this.#dockerfile.stages.findLast((stage) => stage.name !== '' && stage.name === name.toLowerCase());
  }

  #source(from: string): void {
    const stage = this.#stage(from) ?? (/^\d+$/.test(from) ? this.#dockerfile.stages[Number(from)] : undefined);
    if (stage !== undefined) this.visit(stage);
  }

  *#declared(command: Command, variables: ReadonlyMap<string, string>): Generator<OutlineEntry> {
    for (const parameter of command.parameters) {
      const { name, fallback } = splitArgument(parameter);
      const value = this.#options.buildArguments.get(name) ?? (fallback === undefined ? undefined : expandWord(fallback, { variables, escape: this.#dockerfile.escape }));
      yield { name, value, description: describedAs(command.comments, name), range: command.range };
    }
  }

  #argument(command: Command, variables: Map<string, string>): void {
    for (const entry of this.#declared(command, variables)) {
      const global = this.#globals.get(entry.name);
      const shown = entry.value === undefined && global !== undefined ? global : entry;
      this.#arguments.set(entry.name, shown);
      if (shown.value !== undefined) variables.set(entry.name, shown.value);
    }
  }

  #mounts(command: Command, variables: ReadonlyMap<string, string>): void {
    for (const text of command.lists.get('mount') ?? []) {
      this.#source(mountSource(text));
      const { type, id, source, target, required } = readRunMount(text, (value) => expandWord(value, { variables, escape: this.#dockerfile.escape }));
      const entry = (name: string): OutlineEntry => ({ name, required: required ? true : undefined, range: command.range });
      if (type === 'secret') {
        const name = id !== '' ? id : source !== '' ? source : (target.split('/').at(-1) ?? '');
        this.#secrets.set(name, entry(name));
      } else if (type === 'ssh') {
        const name = id === '' ? 'default' : id;
        this.#agents.set(name, entry(name));
      }
    }
  }
}

/** What a comment says of a name: `# NAME what it is`. */
export function describedAs(comments: readonly string[], name: string): string | undefined {
  return name === '' ? undefined : comments.find((comment) => comment.startsWith(`${name} `))?.slice(name.length + 1);
}

function sorted(entries: ReadonlyMap<string, OutlineEntry>): OutlineEntry[] {
  return [...entries.values()].sort((a, b) => a.range.start - b.range.start);
}

function viewsOf(entries: ReadonlyMap<string, OutlineEntry>): object[] {
  return sorted(entries).map(({ name, value, description, required, range }) => ({ name, description, value, required, location: { ranges: [{ start: { line: range.start }, end: { line: range.end } }] } }));
}

function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const lines = [head, ...rows];
  const widths = head.map((_name, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)) + 3);
  return lines.map((cells) => cells.map((cell, column) => (column === cells.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join(''));
}
