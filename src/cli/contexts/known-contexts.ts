/** Contexts by name, the one that is made of flags and environment among them: `default`. */
import { parseEndpoint } from '#client/endpoint.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import type { Invocation } from '#cli/command.ts';
import { chooseContext } from '#cli/configuration/choose-endpoint.ts';
import { ContextStore, type ContextMetadata } from './context-store.ts';

export const defaultDescription = 'Current DOCKER_HOST based configuration';

export class KnownContexts {
  readonly store: ContextStore;
  readonly #invocation: Invocation<object>;

  constructor(invocation: Invocation<object>) {
    this.#invocation = invocation;
    this.store = new ContextStore(invocation.configuration.directory);
  }

  /** The name of the context in use, even if there is no such context. */
  get current(): string {
    const { configuration, environment, context } = this.#invocation;
    try {
      return context();
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      return chooseContext({ hosts: [], context: '', tls: undefined, configuration, environment });
    }
  }

  /** @throws CommandFailure with Docker's text for one that is not there */
  read(name: string): ContextMetadata {
    if (name !== 'default') return this.store.read(name);
    const host = this.current === 'default' ? this.#invocation.endpoint : addressOf(this.#invocation.environment['DOCKER_HOST'] ?? '');
    return { Name: 'default', Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false } } };
  }

  /** Where a context is kept, as `inspect` tells it. */
  storage(name: string): { readonly metadata: string; readonly tls: string } {
    return name === 'default' ? { metadata: '<IN MEMORY>', tls: '<IN MEMORY>' } : this.store.storage(name);
  }
}

function addressOf(host: string): string {
  return host.trim().startsWith('ssh://') ? host.trim() : parseEndpoint(host).address;
}
