/**
 * What an image is made of, found by a program of somebody else's: an image that is run over the built file system and
 * leaves in-toto statements (moby/buildkit, docs/attestations/sbom-protocol.md).
 */
import { posix } from 'node:path';
import { walkSource } from '#build/source-tree.ts';
import { fail, isFailure, messageOf } from '#base/errors/failure.ts';
import type { Image } from '#image/contract.ts';
import { formatPlatform } from '#oci/platform.ts';
import { canonicalText, familiarText, parseReference, withDefaultTag } from '#oci/reference.ts';
import { buildNode, type RunMount } from '../build-node.ts';
import type { ExportParts } from './export-parts.ts';
import { authorizationFor } from '../registry-authorization.ts';
import type { SolvedImage } from '../solve-build.ts';
import type { Attestation } from './attestation.ts';

const source = '/run/src/core';
const destination = '/run/out';
const largestStatement = 64 * 1024 * 1024;

/** @throws build.solve_failed */
export async function scanImage(image: SolvedImage, generator: string, parts: ExportParts): Promise<Attestation[]> {
  const { executor } = parts;
  const scanner = await findGenerator(generator, parts);
  const command = [...(scanner.config.Entrypoint ?? []), ...(scanner.config.Cmd ?? [])];
  if (command.length === 0) throw fail('build.solve_failed', { message: `scanner ${generator} does not have cmd` });
  const reference = canonicalText(withDefaultTag(parseReference(generator)));
  const root = buildNode({ kind: 'image', name: `[internal] sbom scanner ${reference}`, inputs: [], top: scanner.topLayer });
  const place = buildNode({ kind: 'directory', name: '[internal] preparing place for sbom', inputs: [root], path: destination, user: '' });
  const platform = image.options.multiPlatform ? `[${formatPlatform(image.platform)}] ` : '';
  const mount: RunMount = {
    type: 'bind', input: 1, source: '/', target: source, readonly: true, size: 0, id: '', sharing: 'shared', required: false, variable: undefined, mode: undefined, uid: undefined, gid: undefined,
  };
  const run = buildNode({
    kind: 'run', name: `${platform}generating sbom using ${reference}`, inputs: [place, image.node], command,
    environment: [...(scanner.config.Env ?? []), `BUILDKIT_SCAN_SOURCE=${source}`, `BUILDKIT_SCAN_DESTINATION=${destination}`], proxies: [],
    directory: scanner.config.WorkingDir ?? '/', user: scanner.config.User ?? '', mounts: [mount], network: 'none', insecure: false, hostname: 'buildkitsandbox', hosts: [], sharedMemory: 0, ulimits: [], cgroupParent: '',
  });
  const { top } = await executor.make(run);
  const tree = await executor.files(top, destination);
  const attestations: Attestation[] = [];
  const directory = tree.find(destination);
  if (directory === undefined) return attestations;
  for (const { path, node } of walkSource(directory)) {
    if (node.kind !== 'file' || !path.endsWith('.json')) continue;
    if (node.size > largestStatement) throw fail('build.solve_failed', { message: `the scanner's file ${path} is larger than ${largestStatement} bytes` });
    attestations.push(statementIn(path, Buffer.concat(await Array.fromAsync(tree.contents(node)))));
  }
  return attestations;
}

/** @throws build.solve_failed where it is no statement */
function statementIn(path: string, bytes: Buffer): Attestation {
  try {
    const { predicateType, predicate } = JSON.parse(bytes.toString('utf8')) as Partial<Attestation>;
    if (typeof predicateType !== 'string' || typeof predicate !== 'object') throw new SyntaxError('it has no predicate');
    return { fileName: posix.basename(path), predicateType, predicate };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw fail('build.solve_failed', { message: `the scanner's file ${path} is no in-toto statement: ${error.message}` }, error);
  }
}

async function findGenerator(text: string, { images, session, signal }: ExportParts): Promise<Image> {
  try {
    const name = withDefaultTag(parseReference(text));
    try {
      return images.resolve(familiarText(name));
    } catch (error) {
      if (!isFailure(error, 'image.not_found')) throw error;
      const authorization = await authorizationFor(name, session, signal);
      for await (const _message of images.pull(familiarText(name), { signal, ...(authorization === '' ? {} : { authorization }) }));
      return images.resolve(familiarText(name));
    }
  } catch (error) {
    signal.throwIfAborted();
    throw fail('build.solve_failed', { message: `failed to resolve sbom generator ${text}: ${messageOf(error)}` }, error);
  }
}
