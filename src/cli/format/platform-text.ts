/** `--platform` as the API takes it: a JSON object made of `os[/arch[/variant]]`. */
import { CommandFailure } from '#cli/command-failure.ts';
import { normalizePlatform } from '#cli/container/platform.ts';

/** The platform's JSON; undefined for none. @throws CommandFailure with Docker's text, which begins with `prefix` */
export function parsePlatform(text: string, prefix = 'invalid platform: '): string | undefined {
  if (text === '') return undefined;
  try {
    const [os = '', architecture = '', variant = ''] = normalizePlatform(text).split('/');
    return JSON.stringify({ architecture, os, ...(variant === '' ? {} : { variant }) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(error.message.replace(/^error parsing specified platform: /, prefix), 1, error);
  }
}

/** The explanation of `--platform` where one platform of an image is looked at. */
export const platformFlagText = [
  'Inspect a specific platform of the multi-platform image.',
  'If the image or the server is not multi-platform capable, the command will error out if the platform does not match.',
  "'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
].join('\n');

/** The explanation of `--platform` for what is done with one platform of an image. */
export function platformText(action: string): string {
  return `${action} the given platform${action === 'Show history for' ? '' : ' variant'}. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")`;
}
