import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CommandFailure } from '#cli/command-failure.ts';
import { exportContext, importContext } from './context-archive.ts';
import { ContextStore, metadataText, validateContextName, type ContextMetadata } from './context-store.ts';
import { saveCurrentContext } from './save-current-context.ts';

const context: ContextMetadata = {
  Name: 'far', Metadata: { Description: 'a <b>' }, Endpoints: { docker: { Host: 'tcp://far:2376', SkipTLSVerify: false } },
};
const tls = new Map([['docker', new Map([['ca.pem', Buffer.from('authority')], ['key.pem', Buffer.from('k'.repeat(700))]])]]);

async function makeStore(t: TestContext): Promise<{ store: ContextStore; directory: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'dhow-contexts-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return { store: new ContextStore(directory), directory };
}

function failsWith(message: string): (error: unknown) => boolean {
  return (error) => error instanceof CommandFailure && error.message === message;
}

test('a context must come out of its archive as it went in, under another name', async (t) => {
  const { store } = await makeStore(t);
  importContext('near', exportContext(context, tls), store);
  assert.deepEqual(store.read('near'), { ...context, Name: 'near' });
  assert.deepEqual(store.readTls('near'), tls);
  assert.equal((await stat(join(store.storage('near').tls, 'docker', 'key.pem'))).mode & 0o777, 0o600);
});

test('metadata must be written as Docker writes it', async (t) => {
  assert.equal(metadataText(context), '{"Name":"far","Metadata":{"Description":"a \\u003cb\\u003e"},"Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}}}');
  const { store } = await makeStore(t);
  store.write(context);
  // The directory is named by the SHA-256 of the name.
  assert.match(store.storage('far').metadata, /\/contexts\/meta\/[0-9a-f]{64}$/);
  assert.equal(await readFile(join(store.storage('far').metadata, 'meta.json'), 'utf8'), metadataText(context));
});

test('an archive must not reach beyond the context', async (t) => {
  const { store } = await makeStore(t);
  const hostile = (endpoint: string, file: string): Buffer => exportContext(context, new Map([[endpoint, new Map([[file, Buffer.from('x')]])]]));
  assert.throws(() => importContext('x1', hostile('docker', '../../../escape'), store), failsWith('tls/docker/../../../escape: unexpected path format'));
  assert.throws(() => importContext('x1', hostile('..', 'escape'), store), failsWith('tls/../escape: unexpected path format'));
  assert.throws(() => importContext('x1', hostile('docker', 'a\\b'), store), failsWith("tls/docker/a\\b: unexpected '\\' in path"));
  assert.equal(store.exists('x1'), false);
});

test('what is no archive of a context must be refused', async (t) => {
  const { store } = await makeStore(t);
  assert.throws(() => importContext('x1', Buffer.alloc(1024), store), failsWith('invalid context: no metadata found'));
  assert.throws(() => importContext('x1', Buffer.from('garbage'.repeat(100)), store), failsWith('archive/tar: invalid tar header'));
  assert.throws(() => importContext('x1', exportContext(context, tls).subarray(0, 600), store), failsWith('unexpected EOF'));
});

test('a zip archive must be read too', async (t) => {
  const { store } = await makeStore(t);
  // One stored file, meta.json.
  const content = Buffer.from(metadataText(context));
  const name = Buffer.from('meta.json');
  const local = Buffer.alloc(30);
  local.write('PK\x03\x04', 'latin1');
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.write('PK\x01\x02', 'latin1');
  central.writeUInt32LE(content.length, 20);
  central.writeUInt16LE(name.length, 28);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(local.length + name.length + content.length, 16);
  importContext('zipped', Buffer.concat([local, name, content, central, name, end]), store);
  assert.equal(store.read('zipped').Metadata.Description, 'a <b>');
});

test('names that no context may have must be refused', () => {
  assert.throws(() => validateContextName('default'), failsWith('"default" is a reserved context name'));
  assert.throws(() => validateContextName(''), failsWith('context name cannot be empty'));
  assert.throws(() => validateContextName('a b'), failsWith('context name "a b" is invalid, names are validated against regexp "^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$"'));
  validateContextName('a.b_c-1+');
});

test('choosing a context must leave the rest of the configuration as it is', async (t) => {
  const { directory } = await makeStore(t);
  const path = join(directory, 'config.json');
  saveCurrentContext({ directory, file: {} }, 'far');
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { auths: {}, currentContext: 'far' });
  saveCurrentContext({ directory, file: { currentContext: 'far' } }, undefined);
  assert.equal(await readFile(path, 'utf8'), '{\n\t"auths": {}\n}');
});
