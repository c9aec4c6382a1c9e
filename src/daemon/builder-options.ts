/** The key `builder` of `daemon.json`: the collection of the build cache (moby, daemon/config/builder.go). */
import { fail } from '#base/errors/failure.ts';
import { parseGoDuration } from '#base/go-duration.ts';
import { readSize } from '#base/read-size.ts';
import { flag, list, struct, text, unlessEmpty, whenGiven, type Shape } from '#base/json-shape.ts';
import type { CollectionSettings } from '#engine/solver/collection-rules.ts';

interface SpaceDirectives {
  readonly keepStorage?: string;
  readonly reservedSpace?: string;
  readonly maxUsedSpace?: string;
  readonly minFreeSpace?: string;
}

interface RuleDirective extends SpaceDirectives {
  readonly all?: boolean;
  readonly filter?: string[];
  readonly keepDuration?: string;
}

interface CollectionDirective {
  readonly enabled?: boolean;
  readonly policy?: RuleDirective[] | null;
  readonly defaultKeepStorage?: string;
  readonly defaultReservedSpace?: string;
  readonly defaultMaxUsedSpace?: string;
  readonly defaultMinFreeSpace?: string;
}

export interface BuilderDirective {
  readonly gc?: CollectionDirective;
}

const size = unlessEmpty(text());
const ruleShape: Shape<RuleDirective> = struct<RuleDirective>('config.BuilderGCRule', {
  all: whenGiven(flag), filter: unlessEmpty(list(text(), 'filters.Args')), keepDuration: size, keepStorage: size, reservedSpace: size, maxUsedSpace: size, minFreeSpace: size,
});

export const builderShape: Shape<BuilderDirective> = struct<BuilderDirective>('config.BuilderConfig', {
  gc: whenGiven(struct<CollectionDirective>('config.BuilderGCConfig', {
    enabled: whenGiven(flag), policy: whenGiven(list(ruleShape, '[]config.BuilderGCRule')),
    defaultKeepStorage: size, defaultReservedSpace: size, defaultMaxUsedSpace: size, defaultMinFreeSpace: size,
  })),
});

/** @throws daemon.invalid_option */
export function collectionSettings(builder: BuilderDirective | undefined): CollectionSettings {
  const { enabled = true, policy, defaultKeepStorage = '', defaultReservedSpace = defaultKeepStorage, defaultMaxUsedSpace = '', defaultMinFreeSpace = '' } = builder?.gc ?? {};
  return {
    enabled,
    ...checked({ reservedSpace: defaultReservedSpace, maxUsedSpace: defaultMaxUsedSpace, minFreeSpace: defaultMinFreeSpace }),
    rules: policy?.map((rule) => {
      const { terms, unused } = filtersOf(rule.filter ?? []);
      return {
        all: rule.all ?? false, filters: terms.length === 0 ? [] : [terms.join(',')], keepDuration: durationOf(rule.keepDuration ?? unused),
        ...checked({ reservedSpace: rule.reservedSpace ?? rule.keepStorage ?? '', maxUsedSpace: rule.maxUsedSpace ?? '', minFreeSpace: rule.minFreeSpace ?? '' }),
      };
    }),
  };
}

function checked<T extends Readonly<Record<string, string>>>(spaces: T): T {
  for (const text of Object.values(spaces)) {
    if (text === '' || /^\d+%$/.test(text)) continue;
    const read = readSize(text, 1024);
    if ('problem' in read) throw refused(text, read.problem);
  }
  return spaces;
}

const names: ReadonlySet<string> = new Set(['id', 'parent', 'type', 'description', 'inuse', 'shared', 'private']);

/** `unused-for=48h` says how long something stays, all others what is meant. */
function filtersOf(filters: readonly string[]): { terms: string[]; unused: string } {
  const terms: string[] = [];
  let unused = '';
  for (const filter of filters) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/s.exec(filter) ?? [];
    if (name === 'unused-for' || name === 'until') unused = value;
    else if (names.has(name)) terms.push(name === 'id' ? `id~=${value}` : `${name}==${value}`);
    else throw refused(filter, `filters are unused-for, until, ${[...names].join(', ')}, each as name=value`);
  }
  return { terms, unused };
}

/** Nanoseconds. */
function durationOf(text: string): number {
  if (text === '') return 0;
  const duration = parseGoDuration(text);
  if (duration === undefined) throw refused(text, `time: invalid duration ${JSON.stringify(text)}`);
  return Number(duration);
}

function refused(value: string, reason: string): Error {
  return fail('daemon.invalid_option', { message: `failed to parse builder.gc: ${JSON.stringify(value)}: ${reason}` });
}
