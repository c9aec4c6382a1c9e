/** Prints failures whole and a line for each file; leaves the counts and what failed in the file `DHOW_TEST_RESULT`. */
import { writeFileSync } from 'node:fs';

export default async function* report(source) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  let unattributed = false;
  const failedFiles = new Set();
  const failedNames = [];
  for await (const { type, data } of source) {
    if (type === 'test:pass' && data.details?.type !== 'suite') {
      if (data.skip !== undefined) {
        skipped++;
        yield `skipped: ${data.name} (${data.file ?? ''}): ${data.skip === true ? 'no reason given' : data.skip}\n`;
      } else if (!isFile(data)) passed++;
      else yield `ok ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    } else if (type === 'test:fail' && data.details?.type !== 'suite') {
      if (data.file === undefined) unattributed = true;
      else failedFiles.add(data.file);
      // A file that fails only because its tests did is counted through them.
      if (data.details.error?.failureType === 'subtestsFailed') continue;
      failed++;
      failedNames.push(`${data.name} (${data.file ?? ''})`);
      const error = data.details.error;
      yield `FAILED: ${data.name} (${data.file ?? ''}:${data.line ?? ''})\n${indent(String(error?.cause?.stack ?? error?.cause ?? error))}\n`;
    } else if (type === 'test:stderr') {
      yield data.message;
    }
  }
  const result = process.env['DHOW_TEST_RESULT'];
  if (result === undefined) yield `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
  else writeFileSync(result, JSON.stringify({ passed, failed, skipped, unattributed, failedFiles: [...failedFiles], failedNames }));
}

function isFile(data) {
  return data.nesting === 0 && /\.test\.ts$/.test(data.name);
}

function indent(text) {
  return text.replaceAll(/^/gm, '    ');
}
