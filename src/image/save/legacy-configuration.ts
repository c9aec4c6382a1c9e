/** The configurations that Docker before 1.10 reads, one per layer: all but the topmost are bare links of the chain. */
import { createHash } from 'node:crypto';
import type { JsonObject } from '#oci/json-value.ts';

/** Fields of the image that the topmost one has, in Docker's order. */
const kept = ['comment', 'created', 'container', 'container_config', 'docker_version', 'author', 'config', 'architecture', 'variant', 'os'] as const;

const never = '1970-01-01T00:00:00Z';

/** @param chain chain ids, bottom first */
export function legacyConfigurations(image: JsonObject, chain: readonly string[]): Buffer[] {
  const files: Buffer[] = [];
  let parent: string | undefined;
  for (const [index, chainId] of chain.entries()) {
    const top = index === chain.length - 1;
    const fields: Record<string, unknown> = top ? pick(image) : { created: never, container_config: emptyContainer, os: image['os'] };
    const id = legacyId(fields, chainId, parent);
    files.push(Buffer.from(JSON.stringify({ id, ...(parent === undefined ? {} : { parent }), ...fields })));
    parent = id;
  }
  return files;
}

const emptyContainer = {
  Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false,
  Env: null, Cmd: null, Image: '', Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: null,
};

function pick(image: JsonObject): Record<string, unknown> {
  const fields: Record<string, unknown> = { created: never, container_config: emptyContainer };
  for (const name of kept) if (image[name] !== undefined) fields[name] = image[name];
  return Object.fromEntries(kept.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]));
}

/** Any id would do that is one for one with layer, parent and configuration. */
function legacyId(fields: object, chainId: string, parent: string | undefined): string {
  return createHash('sha256').update(JSON.stringify({ ...fields, layer_id: chainId, parent })).digest('hex');
}
