/** Files of an output with what is attested of them: in-toto statements beside them, whose subjects are the files (moby/buildkit, exporter/local). */
import { createHash } from 'node:crypto';
import { readTar } from '#oci/tar/read-tar.ts';
import type { TarMember } from '#oci/tar/write-tar.ts';
import type { Attestation } from './attestation.ts';

/** The members of an archive below `prefix`, and then its statements. */
export async function* attestedFiles(archive: AsyncIterable<Uint8Array>, prefix: string, attestations: readonly Attestation[]): AsyncGenerator<TarMember, void> {
  const subjects: { readonly name: string; readonly digest: { readonly sha256: string } }[] = [];
  for await (const { entry, body } of readTar(archive as AsyncIterable<Buffer>)) {
    const { type } = entry;
    const name = entry.name.replace(/^(?:\.?\/)+/, '');
    if (type === 'unknown' || name === '' || name === '.') continue;
    const linkName = type === 'hardlink' ? `${prefix}${entry.linkName.replace(/^(?:\.?\/)+/, '')}` : entry.linkName;
    const header = { ...entry, type, name: `${prefix}${name}`, linkName };
    if (type !== 'file') {
      yield { header, body: undefined };
    } else if (attestations.length === 0) yield { header, body: body as AsyncIterable<Buffer> };
    else {
      const hash = createHash('sha256');
      yield { header, body: hashed(body as AsyncIterable<Buffer>, hash) };
      subjects.push({ name, digest: { sha256: hash.digest('hex') } });
    }
  }
  for (const { fileName, predicateType, predicate } of attestations) {
    const body = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject: subjects, predicate }, undefined, 2));
    yield { header: { name: `${prefix}${fileName}`, type: 'file', mode: 0o600, size: body.length, modified: { seconds: Math.floor(Date.now() / 1000), nanoseconds: 0 } }, body };
  }
}

async function* hashed(body: AsyncIterable<Buffer>, hash: { update(chunk: Buffer): unknown }): AsyncGenerator<Buffer, void> {
  for await (const chunk of body) {
    hash.update(chunk);
    yield chunk;
  }
}
