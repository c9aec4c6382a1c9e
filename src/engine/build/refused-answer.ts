/** What the classic builder says of a server that refuses: the status, and the beginning of what it answered. */
import type { Answer } from '#registry/http-exchange.ts';

const mostShown = 4096;

export async function refusedAnswer(address: string, { body, statusText }: Answer): Promise<string> {
  let text = '';
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      text += chunk.toString('utf8');
      if (text.length > mostShown) break;
    }
  } finally {
    body.destroy();
  }
  return `failed to GET ${address} with status ${statusText}: ${text.slice(0, mostShown).trim()}`;
}
