/** Keeps the choice of a context in the user's `config.json`. */
import { changeConfiguration } from '#cli/configuration/change-configuration.ts';
import type { ClientConfiguration } from '#cli/configuration/client-configuration.ts';

/** Undefined: the default one. */
export function saveCurrentContext({ directory, file }: ClientConfiguration, name: string | undefined): void {
  if ((file.currentContext ?? '') === (name ?? '')) return;
  changeConfiguration(directory, ({ currentContext: _before, ...kept }) => ({ ...kept, ...(name === undefined ? {} : { currentContext: name }) }));
}
