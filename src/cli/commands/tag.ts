/** `tag` and `image tag`. */
import { exactArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { isImageIdentifier, parseImageReference, type ImageReference } from '#cli/image-reference.ts';
import { quoteText } from '#base/template/go-quote.ts';

function parse(text: string): ImageReference {
  try {
    return parseImageReference(text);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new CommandFailure(`Error parsing reference: ${quoteText(text)} is not a valid repository/tag: ${error.message}`, 1, error);
  }
}

export const command = defineCommand({
  usage: 'tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  positional: exactArguments(2),
  flags: {},
  interspersed: false,
  async run({ client, arguments: [source = '', target = ''], signal }) {
    if (!isImageIdentifier(source)) parse(source);
    const { name, tag, digest } = parse(target);
    if (digest !== '') throw new CommandFailure('refusing to create a tag with a digest reference');
    await client.images.tag(source, name, tag === '' ? 'latest' : tag, signal);
    return 0;
  },
});
