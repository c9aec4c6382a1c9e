/** Pulls an image that `run`, `create` or `pull` asks for; when no registry can be reached, offers to make it here. */
import { ApiError } from '#client/client-error.ts';
import type { Client } from '#client/client.ts';
import type { ClientConfiguration } from '#cli/configuration/client-configuration.ts';
import { credentialKey, CredentialStore, encodeAuthorization, type AuthConfig } from '#cli/credentials/credential-store.ts';
import { errorText } from '#cli/error-text.ts';
import { fullName, type ImageReference } from '#cli/image-reference.ts';
import { displayProgress } from '#cli/progress-display.ts';
import type { Output } from '#cli/streams/output.ts';

export interface PullRequest {
  readonly client: Client;
  readonly reference: ImageReference;
  readonly platform: string;
  readonly configuration: ClientConfiguration;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where progress goes; undefined: nowhere. */
  readonly progress: Output | undefined;
  readonly stderr: Output;
  /** Whether an image that cannot be pulled may be bootstrapped from the system's packages. */
  readonly mayBootstrap: boolean;
  /** Called when the registry wants to know who asks; a helper that fails counts as none, then. */
  readonly onUnauthorized?: () => Promise<AuthConfig>;
  readonly signal: AbortSignal;
}

/** @throws what the pull failed with, unless the image could be bootstrapped instead */
export async function pullImage(request: PullRequest): Promise<void> {
  const { client, reference, platform, configuration, environment, progress, signal } = request;
  const { onUnauthorized } = request;
  const asked = new CredentialStore(configuration, environment).get(credentialKey(reference.domain));
  const credentials = await (onUnauthorized === undefined ? asked : asked.catch((): AuthConfig => ({})));
  const ask = async (as: AuthConfig): ReturnType<Client['images']['pull']> =>
    await client.images.pull({ image: fullName(reference), tag: reference.digest === '' ? reference.tag : reference.digest }, { platform, authorization: encodeAuthorization(as), signal });
  try {
    const messages = await ask(credentials).catch(async (error: unknown) => {
      if (onUnauthorized === undefined || !(error instanceof ApiError && error.status === 401)) throw error;
      return await ask(await onUnauthorized());
    });
    await showOrDrain(messages, progress);
  } catch (error) {
    const name = request.mayBootstrap ? bootstrapName(error) : undefined;
    if (name === undefined) throw error;
    request.stderr.writeLine(`dhow: no registry can be reached, making ${name} from this system's packages (dhow image bootstrap ${name})`);
    await showOrDrain(await client.images.bootstrap(name, signal), progress);
  }
}

/** The name in the daemon's hint `dhow image bootstrap NAME`. */
function bootstrapName(error: unknown): string | undefined {
  if (!(error instanceof ApiError || error instanceof Error)) return undefined;
  return /dhow image bootstrap ([a-z0-9][\w./:-]*)/.exec(errorText(error))?.[1];
}

async function showOrDrain(messages: Parameters<typeof displayProgress>[0], output: Output | undefined): Promise<void> {
  if (output !== undefined) {
    await displayProgress(messages, output);
    return;
  }
  for await (const message of messages) {
    if (message.errorDetail !== undefined && message.errorDetail !== null) throw new Error(message.errorDetail.message);
  }
}
