/** `search`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { defineCommand } from '#cli/command.ts';
import { credentialKey, CredentialStore, encodeAuthorization } from '#cli/credentials/credential-store.ts';
import { filterFlag } from '#cli/flags/list-flags.ts';
import { booleanFlag, integerFlag, textFlag } from '#cli/flags/scalar-flags.ts';
import { renderList } from '#cli/format/render-list.ts';
import { searchContext, searchFormat } from '#cli/format/search-context.ts';
import { bytesOfText } from '#base/template/go-text.ts';

export const command = defineCommand({
  usage: 'search [OPTIONS] TERM',
  positional: exactArguments(1),
  flags: {
    filter: filterFlag({ short: 'f', text: 'Filter output based on conditions provided' }),
    format: textFlag({ text: 'Pretty-print search using a Go template' }),
    limit: integerFlag({ text: 'Max number of search results' }),
    'no-trunc': booleanFlag({ text: "Don't truncate output" }),
  },
  async run({ client, flags, arguments: [term = ''], configuration, environment, stdout, stderr, signal }) {
    if (flags.filter['is-automated'] !== undefined) stderr.writeLine('WARNING: the "is-automated" filter is deprecated, and searching for "is-automated=true" will not yield any results in future.');
    const credentials = await new CredentialStore(configuration, environment).get(credentialKey(indexOf(term))).catch(() => ({}));
    const results = await client.registries.search(term, { limit: flags.limit, filters: flags.filter, authorization: encodeAuthorization(credentials), signal });
    const json = flags.format === 'json' || flags.format.includes('json .');
    const rows = results.map((result) => searchContext.value({ result, truncate: !flags['no-trunc'], json }));
    stdout.write(bytesOfText(renderList(searchFormat(flags.format), rows)));
    return 0;
  },
});

/** The registry a term is sought in. */
function indexOf(term: string): string {
  const [first = ''] = term.split('/', 1);
  return term.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}
