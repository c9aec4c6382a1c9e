// Bundles the command line: build/cli.cjs starts what is in a directory beside it, main.cjs with the program and its hot
// commands, more.cjs with all others, and the compiled code that is kept of each (see start-cli.cjs, lazy-modules.mjs).
// Reading, compiling and evaluating the modules one by one would cost more than most commands take.
// Also bundles the registry server, as build/registry-server.cjs: one file that needs nothing but Node.
// Usage: bundle-cli.mjs [DIRECTORY]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import { commandTree } from '../src/cli/commands/tree.ts';
import { LazyModules } from './lazy-modules.mjs';
import { tryCommands } from './try-commands.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const directory = resolve(process.argv[2] ?? join(root, 'build'));
// Commands that are typed all day or run in loops of scripts.
const hot = new Set(['run', 'exec', 'create', 'start', 'stop', 'kill', 'rm', 'wait', 'logs', 'attach', 'build', 'build-solve', 'ps'].map((name) => `src/cli/commands/${name}.ts`));
const minified = { minify: true, supported: { using: true }, platform: 'node', target: 'node24', legalComments: 'none', logLevel: 'warning' };

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // An archive of the sources has no history.
    return 'unknown';
  }
}

/** `run`, `container run`, …, by whatever name. */
function commandNames(node, path = '') {
  return (node.children ?? []).flatMap((child) =>
    [child.name, ...(child.aliases ?? [])].flatMap((name) => [...(child.load === undefined ? [] : [`${path}${name}`]), ...commandNames(child, `${path}${name} `)]));
}

/** The two scripts: each is a function that sets the `exports` of the module it is given. */
async function commandLineScripts() {
  const modules = new LazyModules(root, { BUNDLED_COMMIT: JSON.stringify(commit()) });
  const main = await modules.add('src/cli/main.ts', (path) => path.startsWith('src/cli/commands/') && !hot.has(path));
  const more = await modules.addRest();
  const numbers = new Map([...main, ...more].map((path, number) => [path, number]));
  const table = (paths) => `[\n${paths.map((path) => modules.text(path, numbers)).join(',\n')}\n]`;
  const script = async (text) => (await transform(`module.exports = ${text};`, { ...minified, banner: '(module)=>{"use strict";', footer: '}' })).code;
  return {
    main: await script(`(native, load) => {
      const made = [];
      let more;
      const use = (number) => made[number] ?? (number < ${main.length} ? main[number] : (more ??= load('more')(native, made, use))[number - ${main.length}])();
      const main = ${table(main)};
      use(0);
    }`),
    more: await script(`(native, made, use) => ${table(more)}`),
  };
}

// Whoever starts the command line meanwhile gets the old bundle or the new one, whole.
async function bundleCommandLine() {
  const scripts = await commandLineScripts();
  const name = `cli-${createHash('sha256').update(JSON.stringify(scripts)).digest('hex').slice(0, 12)}`;
  mkdirSync(join(directory, name), { recursive: true });
  for (const kept of globSync(join(directory, name, '*.code'))) rmSync(kept);
  for (const [part, text] of Object.entries(scripts)) writeFileSync(join(directory, name, `${part}.cjs`), text);
  const starter = join(directory, 'cli.cjs');
  const former = existsSync(starter) ? readFileSync(starter, 'utf8') : '';
  await build({ ...minified, entryPoints: [join(root, 'scripts/start-cli.cjs')], define: { BUNDLE: JSON.stringify(name), COMMANDS: JSON.stringify(commandNames(commandTree)) }, outfile: `${starter}.new` });
  renameSync(`${starter}.new`, starter);
  // Who has started the former one may still read from it.
  for (const other of globSync('cli-*', { cwd: directory })) if (other !== name && !former.includes(other)) rmSync(join(directory, other), { recursive: true });
}

async function bundleRegistryServer() {
  const outfile = join(directory, 'registry-server.cjs');
  await build({ ...minified, absWorkingDir: root, bundle: true, format: 'cjs', define: { 'import.meta.url': 'undefined', BUNDLED_COMMIT: JSON.stringify(commit()) }, entryPoints: ['src/registry-server/main.ts'], outfile: `${outfile}.new` });
  renameSync(`${outfile}.new`, outfile);
}

mkdirSync(directory, { recursive: true });
await bundleCommandLine();
await bundleRegistryServer();
await tryCommands(join(directory, 'cli.cjs'));
