/** Collects what the checks find, as the directive `# check=` and the argument of its name ask (Dockerfile reference, check). */
import { parseGoBoolean } from '#base/go-boolean.ts';
import type { LineRange } from '../dockerfile.ts';
import { checkRules, type CheckName, type CheckRule } from './check-rules.ts';

export interface CheckFinding {
  readonly name: CheckName;
  readonly detail: string;
  readonly range: LineRange;
}

/** How a Dockerfile wants to be checked. */
export interface CheckOptions {
  readonly skip: 'all' | ReadonlySet<string>;
  readonly experimental: 'all' | ReadonlySet<string>;
  /** Findings fail the build. */
  readonly error: boolean;
}

/** @throws Error with BuildKit's text */
export function readCheckOptions(text: string): CheckOptions {
  const options = { skip: new Set<string>() as CheckOptions['skip'], experimental: new Set<string>() as CheckOptions['experimental'], error: false };
  if (text.trim() === '') return options;
  for (const part of text.trim().split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0) throw new Error(`invalid check option ${JSON.stringify(part)}`);
    const name = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    const names = value === 'all' ? 'all' : new Set(value.split(',').map((rule) => rule.trim()));
    if (name === 'skip') options.skip = names;
    else if (name === 'experimental') options.experimental = names;
    else if (name === 'error') {
      const error = parseGoBoolean(value);
      if (error === undefined) throw new Error(`failed to parse check option ${JSON.stringify(part)}: strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
      options.error = error;
    } else throw new Error(`invalid check option ${JSON.stringify(name)}`);
  }
  return options;
}

/** What is found while reading, then by casing, then by what instructions do: so are findings of one line told. */
const readingChecks: ReadonlySet<CheckName> = new Set(['StageNameCasing', 'FromAsCasing', 'MaintainerDeprecated', 'LegacyKeyValueFormat', 'NoEmptyContinuation']);

/** As BuildKit comes upon them: lines, instructions, names of stages, casing, images, and then what instructions do. */
export function findingsInOrder(findings: readonly CheckFinding[]): CheckFinding[] {
  return [...findings].sort((a, b) => moment(a) - moment(b) || a.range.start - b.range.start);
}

function moment({ name }: CheckFinding): number {
  if (name === 'NoEmptyContinuation') return 0;
  if (readingChecks.has(name) && name !== 'LegacyKeyValueFormat') return 1;
  const later: readonly CheckName[][] = [['ReservedStageName', 'DuplicateStageName'], ['ConsistentInstructionCasing'], ['InvalidDefaultArgInFrom']];
  const found = later.findIndex((names) => names.includes(name));
  return 2 + (found < 0 ? later.length : found);
}

function phase({ name }: CheckFinding): number {
  return readingChecks.has(name) ? 0 : name === 'ConsistentInstructionCasing' ? 1 : 2;
}

/** By line, as they are shown. */
export function sortFindings(findings: readonly CheckFinding[]): CheckFinding[] {
  return [...findings].sort((a, b) => a.range.start - b.range.start || phase(a) - phase(b));
}

export class BuildChecks {
  readonly options: CheckOptions;
  readonly #findings: CheckFinding[] = [];

  constructor(options: CheckOptions) {
    this.options = options;
  }

  get findings(): readonly CheckFinding[] {
    return this.#findings;
  }

  find(name: CheckName, detail: string, range: LineRange): void {
    const rule: CheckRule = checkRules[name];
    const { skip, experimental } = this.options;
    const wanted = rule.experimental === true ? experimental === 'all' || experimental.has(name) : skip !== 'all' && !skip.has(name);
    const known = this.#findings.some((finding) => finding.name === name && finding.detail === detail && finding.range.start === range.start);
    if (wanted && !known) this.#findings.push({ name, detail, range });
  }

  /** What a build fails with that asked for it; undefined: nothing. */
  failure(): string | undefined {
    if (!this.options.error || this.#findings.length === 0) return undefined;
    return `lint violation found for rules: ${[...new Set(this.#findings.map(({ name }) => name))].join(', ')}`;
  }
}
