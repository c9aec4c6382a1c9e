// Bundles the command line into build/cli.cjs: one file, as CommonJS, since loading modules one by one and
// Node's ESM loader cost more than most commands take. Usage: bundle-cli.mjs [OUTPUT]
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    // An archive of the sources has no history.
    return 'unknown';
  }
}

await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: process.argv[2] ?? join(root, 'build/cli.cjs'),
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
  define: { BUNDLED_COMMIT: JSON.stringify(commit()) },
});
