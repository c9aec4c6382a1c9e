/** The checks that need no more than the Dockerfile's text. */
import { parseReference } from '#oci/reference.ts';
import { expandWord, type ExpansionContext } from '#oci/instructions/expand-word.ts';
import { parsePlatform } from '#oci/platform.ts';
import type { Command, Dockerfile, LineRange, Stage } from '../dockerfile.ts';
import type { BuildChecks } from './build-checks.ts';
import { suggestName } from '../suggest-name.ts';

const reserved: ReadonlySet<string> = new Set(['context', 'scratch']);
const secretName = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i;
const publicName = /(?:_|^)public(?:_|$)/i;

/** @param globals what FROM sees: the platform's variables and ARGs before it */
export function checkDockerfile(dockerfile: Dockerfile, checks: BuildChecks, globals: ReadonlyMap<string, string>): void {
  for (const range of dockerfile.emptyContinuations) checks.find('NoEmptyContinuation', 'Empty continuation line', range);
  checkCasing(dockerfile, checks);
  const names = new Set<string>();
  for (const stage of dockerfile.stages) {
    checkFrom(stage, checks, { names, globals, escape: dockerfile.escape });
    for (const { word, range } of stage.commands) {
      if (word === 'MAINTAINER') checks.find('MaintainerDeprecated', 'Maintainer instruction is deprecated in favor of using label', range);
    }
  }
  checkDefaults(dockerfile, checks, globals);
}

/** What is told of an ARG or ENV by its name. */
export function checkSecretName(checks: BuildChecks, word: string, name: string, range: LineRange): void {
  if (secretName.test(name) && !publicName.test(name)) checks.find('SecretsUsedInArgOrEnv', `Do not use ARG or ENV instructions for sensitive data (${word} ${JSON.stringify(name)})`, range);
}

interface FromFacts {
  readonly names: Set<string>;
  readonly globals: ReadonlyMap<string, string>;
  readonly escape: string;
}

function checkFrom({ source, name, base, platform, range }: Stage, checks: BuildChecks, { names, globals, escape }: FromFacts): void {
  const [, from = '', keyword = '', given = ''] = /^(\S+)\s.*?\s(as)\s+(\S+)\s*$/i.exec(source) ?? [];
  if (given !== given.toLowerCase()) checks.find('StageNameCasing', `Stage name '${given}' should be lowercase`, range);
  const same = (test: (text: string) => string): boolean => from === test(from) && keyword === test(keyword);
  if (keyword !== '' && !same((text) => text.toLowerCase()) && !same((text) => text.toUpperCase())) checks.find('FromAsCasing', `'${keyword}' and '${from}' keywords' casing do not match`, range);
  if (name !== '') {
    if (reserved.has(name)) checks.find('ReservedStageName', `Stage name should not use the same name as reserved stage ${JSON.stringify(name)}`, range);
    if (names.has(name)) checks.find('DuplicateStageName', `Duplicate stage name ${JSON.stringify(name)}, stage names should be unique`, range);
    names.add(name);
  }
  for (const variable of new Set([base, platform].flatMap((text) => missingVariables(text, { variables: globals, escape })))) {
    const suggestion = suggestName(variable, [...globals.keys()]);
    checks.find('UndefinedArgInFrom', `FROM argument '${variable}' is not declared${suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`}`, range);
  }
  if (/^\$(?:\{TARGETPLATFORM\}|TARGETPLATFORM)$/.test(platform)) {
    checks.find('RedundantTargetPlatform', `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`, range);
  }
  if (platform !== '' && !platform.includes('$')) checkConstantPlatform(platform, name, checks, range);
}

function checkConstantPlatform(text: string, stage: string, checks: BuildChecks, range: LineRange): void {
  try {
    const { os, architecture } = parsePlatform(text);
    if (stage.includes(os) || stage.includes(architecture)) return;
  } catch {
    // What is no platform is an error of the build.
    return;
  }
  checks.find('FromPlatformFlagConstDisallowed', `FROM --platform flag should not use constant value ${JSON.stringify(text)}`, range);
}

/** Names of the variables of a word that are not set, also where it has another value for them. */
export function missingVariables(word: string, { variables, escape }: ExpansionContext): string[] {
  const asked = new AskedVariables(variables);
  try {
    expandWord(word, { variables: asked, escape });
  } catch {
    // What cannot be resolved fails the build, after it was told what is missing.
  }
  return [...asked.missing];
}

/** Notes which names were asked for in vain. */
class AskedVariables extends Map<string, string> {
  readonly missing = new Set<string>();

  override get(name: string): string | undefined {
    const value = super.get(name);
    if (value === undefined) this.missing.add(name);
    return value;
  }
}

/** Images must have a name with no argument given. */
function checkDefaults({ metaArguments, stages, escape }: Dockerfile, checks: BuildChecks, globals: ReadonlyMap<string, string>): void {
  const variables = new Map([...globals].filter(([name]) => /^(?:BUILD|TARGET)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT|STAGE)$/.test(name)));
  try {
    for (const { parameters } of metaArguments) {
      for (const parameter of parameters) {
        const equals = parameter.indexOf('=');
        if (equals >= 0) variables.set(parameter.slice(0, equals), expandWord(parameter.slice(equals + 1), { variables, escape }));
      }
    }
    for (const { base, range } of stages) {
      if (isName(expandWord(base, { variables, escape }))) continue;
      checks.find('InvalidDefaultArgInFrom', `Default value for ARG ${base} results in empty or invalid base image name`, range);
    }
  } catch {
    // A default that cannot be resolved fails the build.
  }
}

function isName(text: string): boolean {
  try {
    parseReference(text);
    return true;
  } catch {
    return false;
  }
}

function checkCasing({ stages }: Dockerfile, checks: BuildChecks): void {
  const written = stages.flatMap((stage): { word: string; range: LineRange }[] => [stage, ...stage.commands].map((part: Stage | Command) => ({ word: part.source.split(/\s/, 1)[0] ?? '', range: part.range })));
  const lower = written.filter(({ word }) => word === word.toLowerCase()).length;
  const upper = written.filter(({ word }) => word === word.toUpperCase()).length;
  const wantLower = lower > upper;
  for (const { word, range } of written) {
    if (word === (wantLower ? word.toLowerCase() : word.toUpperCase())) continue;
    checks.find('ConsistentInstructionCasing', `Command '${word}' should match the case of the command majority (${wantLower ? 'lowercase' : 'uppercase'})`, range);
  }
}
