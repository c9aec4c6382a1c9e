/** The import graph: layers import only downwards, through the `#folder/` names, without cycles; only `kernel` touches the machine. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'node:test';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Folder to layer; folders of one layer do not import each other. */
const layers: Readonly<Record<string, number>> = {
  base: 0,
  schema: 1,
  kernel: 2,
  oci: 2,
  store: 3,
  registry: 4,
  plugin: 4,
  build: 5,
  image: 5,
  runtime: 5,
  network: 5,
  volume: 5,
  logging: 5,
  'registry-server': 5,
  engine: 6,
  api: 7,
  daemon: 8,
};
const clientLayers: Readonly<Record<string, readonly string[]>> = {
  client: ['base', 'schema'],
  cli: ['base', 'schema', 'client', 'oci', 'registry'],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const files = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

function importsOf(file: string): Import[] {
  const text = sources.get(file) ?? '';
  const found = [...text.matchAll(/^(import|export)( type)?[^;'"]*?from '([^']+)'|\bimport\('([^']+)'\)/gms)];
  return found.flatMap((match) => {
    const name = match[3] ?? match[4] ?? '';
    const typeOnly = match[2] !== undefined;
    if (name.startsWith('#')) return [{ from: file, to: `src/${name.slice(1)}`, typeOnly }];
    if (name.startsWith('.')) return [{ from: file, to: normalize(join(dirname(file), name)), typeOnly }];
    return [];
  });
}

const imports = files.flatMap(importsOf);
test('the import graph must have been read', () => {
  assert.ok(imports.length > files.length, `${imports.length} imports of ${files.length} files`);
});

const folderOf = (file: string): string => file.split('/')[1] ?? '';

test('every import must go to a lower layer or stay in its folder', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!to.startsWith('src/')) return false;
    const [source, target] = [folderOf(from), folderOf(to)];
    if (source === target) return false;
    const allowed = clientLayers[source];
    if (allowed !== undefined) return !allowed.includes(target);
    const [sourceLayer, targetLayer] = [layers[source], layers[target]];
    return sourceLayer === undefined || targetLayer === undefined || targetLayer >= sourceLayer;
  });
  assert.deepEqual(wrong.map(({ from, to }) => `${from} → ${to}`), []);
});

test('imports between folders must use the #folder names', () => {
  const wrong = files.flatMap((file) =>
    [...(sources.get(file) ?? '').matchAll(/from '(\.[^']+)'/g)]
      .map((match) => normalize(join(dirname(file), match[1] ?? '')))
      .filter((target) => target.startsWith('src/') && folderOf(target) !== folderOf(file))
      .map((target) => `${file} → ${target}`),
  );
  assert.deepEqual(wrong, []);
});

test('modules must not import each other in a circle', () => {
  const edges = Map.groupBy(imports.filter(({ typeOnly }) => !typeOnly), ({ from }) => from);
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) {
      circles.push([...path.slice(start), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const { to } of edges.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(circles, []);
});

test('only kernel may start programs, call the C library or touch the kernel’s file systems', () => {
  const forbidden = [/from 'node:child_process'/, /from 'koffi'/, /['"`]\/(proc|sys|dev)\//];
  // Paths inside a container or in a text are not the host's.
  const containerPaths = new Set(
    files.filter((file) => /^src\/(runtime|schema|cli|client|image|oci)\//.test(file)),
  );
  const wrong = files
    .filter((file) => folderOf(file) !== 'kernel')
    .flatMap((file) => {
      const code = (sources.get(file) ?? '').replaceAll(/\/\*[\s\S]*?\*\/|(?<!:)\/\/[^\n]*/g, '');
      const rules = containerPaths.has(file) ? forbidden.slice(0, 2) : forbidden;
      return rules.filter((rule) => rule.test(code)).map((rule) => `${file}: ${rule}`);
    })
    // The command line starts the daemon, systemctl for its service, stty for interactive sessions and passwords, ssh, mknod for what it unpacks, git for contexts, ssh-agent for keys, and credential helpers.
    .filter((finding) => !/^src\/cli\/(daemon-launch|configuration\/ssh-endpoint|copy\/make-node|build\/(?:git-clone|solve\/key-agent)|service\/systemd|streams\/(?:raw-terminal|prompt)|credentials\/credential-helper)\.ts/.test(finding));
  assert.deepEqual(wrong, []);
});

test('no file may speak of a registry mirror or of this machine’s paths', () => {
  const wrong = files.filter((file) => /\/work\/|\/var\/tmp\/peer/.test(sources.get(file) ?? ''));
  assert.deepEqual(wrong.map((file) => relative(root, join(root, file))), []);
});
