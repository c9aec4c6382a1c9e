/**
 * Runs test files, then those that failed once more, one at a time: a test that passes only then met the load of its
 * neighbours, and is told by name. What fails twice has failed. Usage: run-tests.mjs FILE-OR-PATTERN...
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** More failures than this are not the load's doing. */
const mostRepeated = 6;

function run(files, concurrency, result) {
  const options = [`--test-concurrency=${concurrency}`, '--test-timeout=300000', '--test-reporter=./scripts/test-reporter.mjs'];
  const { status, error } = spawnSync(process.execPath, ['--test', ...options, ...files], { stdio: 'inherit', env: { ...process.env, DHOW_TEST_RESULT: result } });
  if (error !== undefined) throw error;
  return { ...JSON.parse(readFileSync(result, 'utf8')), status };
}

const directory = mkdtempSync(join(tmpdir(), 'dhow-test-result-'));
let status;
try {
  const first = run(process.argv.slice(2), 2, join(directory, 'first'));
  status = first.status;
  let { passed, failed, skipped } = first;
  if (status !== 0 && first.failedFiles.length > 0 && first.failedFiles.length <= mostRepeated && !first.unattributed) {
    process.stdout.write(`once more, one at a time: ${first.failedFiles.join(' ')}\n`);
    const second = run(first.failedFiles, 1, join(directory, 'second'));
    status = second.status;
    for (const name of first.failedNames) if (!second.failedNames.includes(name)) process.stdout.write(`passed only alone: ${name}\n`);
    passed += failed - second.failed;
    failed = second.failed;
  }
  process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
} finally {
  rmSync(directory, { recursive: true });
}
process.exitCode = status === null ? 1 : status;
