/** What tests of layers share: directories that go away, archives from raw parts, trees and their description. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { linkSync, lstatSync, lutimesSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync, chmodSync, chownSync, truncateSync, openSync, writeSync, closeSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { AppliedLayer, ApplyOptions, LayerStore } from '#image/layer/contract.ts';
import { createLayerStore, type LayerStoreOptions, type StoredLayers } from '#image/layer/layer-store.ts';
import { listAttributes, getAttribute } from '#kernel/extended-attributes.ts';
import { makeNode, nodeKinds } from '#kernel/file-nodes.ts';
import { readMounts, unmount } from '#kernel/mounts.ts';
import { archiveEnd, paddingFor } from '#oci/tar/header-encoder.ts';
import { rawHeader, type RawHeader } from './raw-header.ts';

export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}

/** A directory below /var/tmp; with all mounts in it it goes when disposed. */
export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync('/var/tmp/dhow-layers-');
  return {
    path,
    [Symbol.dispose]() {
      for (const { mountPoint } of readMounts().toReversed()) if (mountPoint.startsWith(`${path}/`)) unmount(mountPoint);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

export interface TestStore extends TemporaryDirectory {
  readonly store: StoredLayers;
  apply(archive: Buffer | Readable, options?: Partial<ApplyOptions> & { parent?: string }): Promise<AppliedLayer>;
  /** The tree of a layer. */
  tree(chainId: string): string;
  archive(chainId: string): Promise<Buffer>;
  /** Everything the store has on disk, but empty directories of its own. */
  leftovers(): string[];
}

export const signal = AbortSignal.timeout(120_000);

export function testStore(options: Omit<LayerStoreOptions, 'dataRoot'> = {}): TestStore {
  const directory = temporaryDirectory();
  const store = createLayerStore({ dataRoot: directory.path, ...options });
  return { ...directory, store, ...storeActions(store, directory.path) };
}

export function storeActions(store: LayerStore, dataRoot: string): Omit<TestStore, 'store' | 'path' | typeof Symbol.dispose> {
  return {
    apply: (archive, { parent, ...options } = {}) =>
      store.apply(parent, archive instanceof Readable ? archive : Readable.from([archive], { objectMode: false }), { signal, ...options }),
    tree: (chainId) => `${dataRoot}/overlay2/${store.directories(chainId)[0]?.name}/diff`,
    archive: async (chainId) => await buffer(await store.tarStream(chainId, { signal })),
    leftovers: () =>
      ['overlay2', 'overlay2/l', 'overlay2/.unpacking', 'overlay2/.removing', 'image/overlay2/layerdb/sha256', 'image/overlay2/layerdb/tmp']
        .flatMap((folder) => readdirOrNone(join(dataRoot, folder)).map((name) => `${folder}/${name}`))
        .filter((name) => !/^overlay2\/(l|\.unpacking|\.removing|\.preparing)$/.test(name)),
  };
}

function readdirOrNone(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** An entry of an archive: a header and contents. */
export interface Part extends RawHeader {
  readonly body?: string | Buffer;
  /** Blocks that stand before the header. */
  readonly before?: Buffer;
}

/** An archive of these parts, with its end. */
export function archiveOf(...parts: readonly Part[]): Buffer {
  const blocks = parts.flatMap(({ body = '', before, ...header }) => {
    const contents = Buffer.from(body);
    return [...(before === undefined ? [] : [before]), rawHeader({ size: contents.length, ...header }), contents, paddingFor(contents.length)];
  });
  return Buffer.concat([...blocks, archiveEnd]);
}

/** A tree with nodes of every kind. */
export function makeTree(root: string, { longNames, bytes }: { longNames: boolean; bytes: boolean }): void {
  mkdirSync(`${root}/dir/inner`, { recursive: true });
  writeFileSync(`${root}/empty`, '');
  writeFileSync(`${root}/small`, 'contents of a small file\n');
  writeFileSync(`${root}/block`, Buffer.alloc(512, 'b'));
  writeFileSync(`${root}/large`, createHash('sha512').update('seed').digest().toString('hex').repeat(20_000));
  linkSync(`${root}/small`, `${root}/dir/hard`);
  symlinkSync('../small', `${root}/dir/relative`);
  symlinkSync('/etc/hostname', `${root}/dir/absolute`);
  symlinkSync('nowhere', `${root}/dangling`);
  makeNode(`${root}/fifo`, nodeKinds.fifo | 0o640);
  makeNode(`${root}/character`, nodeKinds.character | 0o666, { major: 1, minor: 3 });
  makeNode(`${root}/device`, nodeKinds.block | 0o600, { major: 259, minor: 1048 });
  writeFileSync(`${root}/setuid`, 'x');
  chownSync(`${root}/setuid`, 1234, 2345);
  chmodSync(`${root}/setuid`, 0o6755);
  chmodSync(`${root}/dir/inner`, 0o1777);
  const holes = openSync(`${root}/holes`, 'w');
  writeSync(holes, 'start', 0);
  writeSync(holes, 'middle', 1_000_000);
  closeSync(holes);
  truncateSync(`${root}/holes`, 3_000_000);
  if (longNames) {
    const deep = `${root}/${'d'.repeat(80)}/${'e'.repeat(90)}`;
    mkdirSync(deep, { recursive: true });
    writeFileSync(`${deep}/${'f'.repeat(80)}`, 'deep');
    symlinkSync('t'.repeat(400), `${deep}/link`);
  }
  if (bytes) writeFileSync(Buffer.concat([Buffer.from(`${root}/n`), Buffer.from([0xff, 0xe4, 0x0a])]), 'bytes');
  for (const path of ['small', 'dir/relative', 'dir/inner', 'dir', '.']) lutimesSync(`${root}/${path}`, 1_500_000_000.25, 1_500_000_001.125);
}

/** Everything about a tree that an archive keeps, by path. */
export function describeTree(root: string, options: { nanoseconds?: boolean; attributes?: boolean } = {}): Record<string, unknown> {
  const described: Record<string, unknown> = {};
  const names = new Map<bigint, string>();
  const visit = (relative: string): void => {
    for (const entry of readdirSync(Buffer.from(`${root}/${relative}`, 'latin1'), { encoding: 'buffer' }).sort(Buffer.compare)) {
      const path = relative === '' ? entry.toString('latin1') : `${relative}/${entry.toString('latin1')}`;
      const full = Buffer.from(`${root}/${path}`, 'latin1');
      const status = lstatSync(full, { bigint: true });
      const first = names.get(status.ino);
      names.set(status.ino, first ?? path);
      described[path] = {
        mode: status.mode.toString(8),
        owner: `${status.uid}:${status.gid}`,
        modified: String(options.nanoseconds === true ? status.mtimeNs : status.mtimeNs / 1_000_000_000n),
        ...(status.isDirectory() ? {} : { size: Number(status.size), links: Number(status.nlink), same: first }),
        ...(status.isFile() ? { digest: createHash('sha256').update(readFileSync(full)).digest('hex') } : {}),
        ...(status.isSymbolicLink() ? { target: readlinkSync(full) } : {}),
        ...(status.isCharacterDevice() || status.isBlockDevice() ? { device: String(status.rdev) } : {}),
        ...(options.attributes === true ? { attributes: attributesOf(full.toString('latin1')) } : {}),
      };
      if (status.isDirectory()) visit(path);
    }
  };
  visit('');
  return described;
}

export function attributesOf(path: string): Record<string, string> {
  return Object.fromEntries(listAttributes(path).map((name) => [name, getAttribute(path, name)?.toString('hex') ?? '']));
}

/** Runs a program to its end and answers its output. */
export function run(program: string, parameters: readonly string[], options: { input?: Buffer } = {}): Buffer {
  const { status, stdout, stderr, error } = spawnSync(program, parameters, { maxBuffer: 1 << 30, ...options });
  assert.equal(error, undefined);
  assert.equal(status, 0, `${program}: ${stderr}`);
  return stdout;
}
