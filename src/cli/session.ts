/** What one call of the program works with: its streams, the user's configuration, and the daemon's client. */
import { Client, newestApiVersion } from '#client/client.ts';
import { chooseEndpoint, type ChosenEndpoint, type TlsFiles } from './configuration/choose-endpoint.ts';
import { loadConfiguration, type ClientConfiguration } from './configuration/client-configuration.ts';
import { CommandFailure } from './command-failure.ts';
import { Interruption } from './interruption.ts';
import { Input } from './streams/input.ts';
import { Output } from './streams/output.ts';
import { dockerVersion } from './version.ts';

export interface SessionOptions {
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly hosts: readonly string[];
  readonly context: string;
  readonly tls: TlsFiles | undefined;
  readonly stdout: Output;
  readonly stderr: Output;
}

export class Session {
  readonly program: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin = new Input();
  readonly stdout: Output;
  readonly stderr: Output;
  readonly interruption = new Interruption();
  readonly #options: SessionOptions;
  #configuration: ClientConfiguration | undefined;
  #endpoint: ChosenEndpoint | undefined;
  #client: Client | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.program = options.program;
    this.environment = options.environment;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
  }

  get configuration(): ClientConfiguration {
    this.#configuration ??= loadConfiguration(this.#options.directory, (line) => this.stderr.writeLine(line));
    return this.#configuration;
  }

  get endpoint(): ChosenEndpoint {
    try {
      this.#endpoint ??= chooseEndpoint({ ...this.#options, configuration: this.configuration });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const place = error.message.startsWith('ssh host connection') ? '' : 'unable to resolve docker endpoint: ';
      throw new CommandFailure(`Failed to initialize: ${place}${error.message}`);
    }
    return this.#endpoint;
  }

  get client(): Client {
    this.#client ??= this.#makeClient();
    return this.#client;
  }

  #makeClient(): Client {
    const { endpoint, isDefault } = this.endpoint;
    const version = this.environment['DOCKER_API_VERSION'];
    return new Client({
      endpoint,
      apiVersion: version === undefined || version === '' ? undefined : version.replace(/^v/, ''),
      userAgent: `Docker-Client/${dockerVersion} (linux)`,
      headers: this.configuration.file.HttpHeaders ?? {},
      launch: isDefault ? async () => {
        const { startDaemon } = await import('./daemon-launch.ts');
        return await startDaemon(this.stderr);
      } : undefined,
    });
  }

  /** The newest API version of this program. */
  get newestApiVersion(): string {
    return newestApiVersion;
  }
}
