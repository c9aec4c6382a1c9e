/** The checks of an instruction that need to know what its stage has by then. */
import { checkSecretName, missingVariables } from '#build/checks/check-dockerfile.ts';
import { splitWords } from '#oci/instructions/split-words.ts';
import { suggestName } from '#build/suggest-name.ts';
import type { Application } from './application.ts';

const expandedWords: ReadonlySet<string> = new Set(['ADD', 'COPY', 'ENV', 'EXPOSE', 'LABEL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR', 'ARG']);
const singleWords: ReadonlySet<string> = new Set(['CMD', 'ENTRYPOINT', 'HEALTHCHECK']);

/** To be called before the instruction is applied. */
export function checkInstruction({ command, draft, context }: Application): void {
  const { word, parameters, range, source } = command;
  const { checks } = context;
  const written = source.split(/\s/, 1)[0] ?? word;
  if (expandedWords.has(word)) checkVariables({ command, draft, context });
  if (singleWords.has(word)) {
    const before = draft.once.get(word);
    if (before !== undefined) checks.find('MultipleInstructionsDisallowed', `Multiple ${written} instructions should not be used in the same stage because only the last one will be used`, before);
    draft.once.set(word, range);
  }
  if ((word === 'CMD' || word === 'ENTRYPOINT') && !command.json && (draft.config.Shell ?? []).length === 0) {
    checks.find('JSONArgsRecommended', `JSON arguments recommended for ${written} to prevent unintended behavior related to OS signals`, range);
  }
  if (word === 'ENV' || word === 'LABEL') {
    const [first = ''] = splitWords(source.slice(written.length).trim(), context.escape);
    if (!first.includes('=')) checks.find('LegacyKeyValueFormat', `"${written} key=value" should be used instead of legacy "${written} key value" format`, range);
  }
  if (word === 'ENV') for (const [index, name] of parameters.entries()) if (index % 2 === 0) checkSecretName(checks, 'ENV', name, range);
  if (word === 'ARG') for (const parameter of parameters) checkSecretName(checks, 'ARG', parameter.split('=', 1)[0] ?? '', range);
  if (word === 'WORKDIR' && !draft.directorySet && !(parameters[0] ?? '').startsWith('/') && !(parameters[0] ?? '').startsWith('$')) {
    const directory = (parameters[0] ?? '').replace(/^(["'])(.*)\1$/, '$2');
    if (!directory.startsWith('/')) checks.find('WorkdirRelativePath', `Relative workdir ${JSON.stringify(directory)} can have unexpected results if the base image changes`, range);
  }
  if (word === 'EXPOSE') {
    for (const port of parameters) {
      const protocol = port.split('/')[1] ?? '';
      if (protocol !== protocol.toLowerCase()) checks.find('ExposeProtoCasing', `Defined protocol '${port}' in EXPOSE instruction should be lowercase`, range);
      if (port.includes(':')) checks.find('ExposeInvalidFormat', `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`, range);
    }
  }
}

function checkVariables({ command, draft, context }: Pick<Application, 'command' | 'draft' | 'context'>): void {
  const texts = command.word === 'ENV' || command.word === 'LABEL' ? command.parameters.filter((_text, index) => index % 2 === 1) : command.parameters;
  const declared = new Set(draft.arguments.map(({ name }) => name));
  const documents = command.heredocs.filter(({ expand }) => expand).map(({ content }) => content);
  for (const text of [...texts, ...command.flags.values(), ...documents]) {
    for (const name of missingVariables(text, { variables: draft.environment, escape: context.escape })) {
      if (declared.has(name)) continue;
      const suggestion = suggestName(name, [...draft.environment.keys()]);
      context.checks.find('UndefinedVar', `Usage of undefined variable '$${name}'${suggestion === undefined ? '' : ` (did you mean $${suggestion}?)`}`, command.range);
    }
  }
}
