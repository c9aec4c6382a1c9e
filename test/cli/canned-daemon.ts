/** A daemon that answers from a table: what the command line makes of given answers is then known. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `GET /containers/json` without its version, to its answer. `{"$ago": n}`: the Unix time n seconds back. */
export type Answers = Readonly<Record<string, unknown>>;

export interface CannedDaemon extends AsyncDisposable {
  /** `unix://…`. */
  readonly address: string;
  readonly directory: string;
  /** What was asked for, in order: `GET /containers/json?all=1`. */
  readonly requests: readonly string[];
}

function withTimes(value: unknown, now: number): unknown {
  if (Array.isArray(value)) return value.map((element) => withTimes(element, now));
  if (typeof value !== 'object' || value === null) return value;
  if ('$ago' in value) return Math.trunc(now / 1000) - Number(value.$ago);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTimes(member, now)]));
}

export async function startCannedDaemon(answers: Answers): Promise<CannedDaemon> {
  const directory = await mkdtemp(join(tmpdir(), 'dhow-canned-'));
  const path = join(directory, 'docker.sock');
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const target = (request.url ?? '').replace(/^\/v[0-9.]+/, '');
    const key = `${request.method} ${target.split('?', 1)[0]}`;
    response.setHeader('Api-Version', '1.51');
    response.setHeader('Ostype', 'linux');
    if (key.endsWith('/_ping')) {
      response.end('OK');
      return;
    }
    requests.push(`${request.method} ${target}`);
    const answer = withTimes(answers[key], Date.now());
    response.setHeader('Content-Type', 'application/json');
    if (answer === undefined) {
      response.statusCode = 404;
      response.end(JSON.stringify({ message: 'page not found' }));
    } else response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, resolve);
  await promise;
  return {
    address: `unix://${path}`,
    directory,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
