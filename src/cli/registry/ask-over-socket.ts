/** A POST over a unix socket, answered with JSON. */
import { request, type IncomingMessage } from 'node:http';

export async function askOverSocket(socketPath: string, path: string, signal: AbortSignal): Promise<{ status: number; document: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const asked = request({ socketPath, method: 'POST', path, signal }, resolve);
  asked.once('error', reject);
  asked.end();
  const answer = await promise;
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: answer.statusCode ?? 0, document: JSON.parse(Buffer.concat(chunks).toString('utf8')) };
}
