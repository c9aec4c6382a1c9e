/** The image of the registry server, made from what is on this machine: Node, the libraries it has loaded, and the server's bundle. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Client } from '#client/client.ts';
import { ApiError } from '#client/client-error.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { programLabel, storageInContainer } from './registry-container.ts';
import { serverBundle, serverEnvironment, serverNodeOptions } from './server-program.ts';

const node = '/usr/bin/node';
const program = '/usr/lib/dhow/registry-server.cjs';
/** Where distributions keep the authorities that upstream registries are checked by; the first that is there is taken along. */
const authorityBundles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem', '/etc/ssl/cert.pem'];
const authoritiesInImage = '/etc/ssl/certs/ca-certificates.crt';

/** Makes the image unless it is there as it would be made now. True when it was made. */
export async function ensureServerImage(client: Client, image: { repository: string; tag: string }, signal: AbortSignal): Promise<boolean> {
  const bundle = serverBundle();
  if (bundle === undefined) throw new CommandFailure('the image of the registry cannot be made: build/registry-server.cjs is missing (run scripts/setup)');
  const version = createHash('sha256').update(await readFile(bundle)).update(process.version).digest('hex').slice(0, 16);
  if ((await labelOf(client, `${image.repository}:${image.tag}`, signal)) === version) return false;
  const command = [node, ...serverNodeOptions, program];
  const progress = await client.images.import('-', {
    archive: writeTar(members(bundle)),
    repository: image.repository,
    tag: image.tag,
    message: 'The registry server of dhow',
    changes: [
      `ENTRYPOINT ${JSON.stringify(command)}`,
      'CMD ["serve"]',
      ...Object.entries(serverEnvironment).map(([name, value]) => `ENV ${name}=${value}`),
      'EXPOSE 5000',
      `VOLUME ${storageInContainer}`,
      `LABEL ${programLabel}=${version}`,
    ],
    signal,
  });
  for await (const message of progress) if (message.error !== undefined) throw new CommandFailure(message.error);
  return true;
}

async function labelOf(client: Client, reference: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const { Config } = await client.transport.json<{ Config?: { Labels?: Record<string, string> | null } }>({ method: 'GET', path: `/images/${reference}/json`, signal });
    return Config?.Labels?.[programLabel];
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

async function* members(bundle: string): AsyncGenerator<TarMember> {
  const files = new Map<string, string>([[node, await realpath(process.execPath)], [program, bundle], ...(await libraries())]);
  for (const authorities of authorityBundles) {
    if (files.has(authoritiesInImage)) break;
    const found = await stat(authorities).catch(() => undefined);
    if (found?.isFile() === true) files.set(authoritiesInImage, authorities);
  }
  const directories = new Set(['/tmp/', `${storageInContainer}/`]);
  for (const path of files.keys()) for (let directory = dirname(path); directory !== '/'; directory = dirname(directory)) directories.add(`${directory}/`);
  for (const directory of [...directories].sort()) yield { header: { name: directory.slice(1), type: 'directory', mode: directory === '/tmp/' ? 0o1777 : 0o755 } };
  yield text('etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\n');
  yield text('etc/group', 'root:x:0:\n');
  yield text('etc/nsswitch.conf', 'hosts: files dns\n');
  for (const [path, source] of files) {
    const { size, mode } = await stat(source);
    yield { header: { name: path.slice(1), type: 'file', size, mode: mode & 0o111 ? 0o755 : 0o644 }, body: createReadStream(source) };
  }
}

/** By the names under which Node has been linked to them, and what the C library loads when it looks up hosts. */
async function libraries(): Promise<[string, string][]> {
  const report = process.report.getReport() as unknown as { sharedObjects: readonly string[] };
  const loaded = report.sharedObjects.filter((path) => path.startsWith('/') && /\.so(\.|$)/.test(path));
  const folder = dirname(loaded.find((path) => basename(path).startsWith('libc.so')) ?? '/lib/libc.so');
  const lookUp = ['libnss_dns.so.2', 'libnss_files.so.2', 'libresolv.so.2'].map((name) => `${folder}/${name}`);
  const found: [string, string][] = [];
  for (const path of new Set([...loaded, ...lookUp])) {
    const source = await realpath(path).catch(() => undefined);
    if (source !== undefined) found.push([path, source]);
  }
  return found;
}

function text(name: string, content: string): TarMember {
  return { header: { name, type: 'file' }, body: Buffer.from(content) };
}
