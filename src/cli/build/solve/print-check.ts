/** Prints what `--check` and `--call` answer. */
import type { Output } from '#cli/streams/output.ts';
import { sourceExcerpt } from '#base/source-excerpt.ts';

interface LintDocument {
  readonly warnings: readonly { readonly ruleName: string; readonly url?: string; readonly detail: string; readonly location: { readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[] } }[];
  readonly sources: readonly { readonly filename: string; readonly data: string }[];
  readonly buildError?: { readonly message: string };
}

/** `fileName`: of the Dockerfile, as it lies from here. Answers the exit code: 1 where something was found. */
export function printCheck(method: string, response: Readonly<Record<string, string>>, { stdout, stderr, fileName }: { stdout: Output; stderr: Output; fileName: string }): number {
  const json = response['result.json'];
  if (method !== 'check' || json === undefined) {
    stdout.write(response['result.txt'] ?? '');
    return 0;
  }
  // The daemon writes it in this form.
  const { warnings, sources, buildError } = JSON.parse(json) as LintDocument;
  const count = warnings.length;
  if (count > 0 || buildError === undefined) stdout.write(count === 0 ? 'Check complete, no warnings found.\n' : `Check complete, ${count} warning${count === 1 ? ' has' : 's have'} been found!\n`);
  for (const { ruleName, url = '', detail, location } of warnings.toSorted((a, b) => lineOf(a) - lineOf(b))) {
    stdout.write(`\nWARNING: ${ruleName}${url === '' ? '' : ` - ${url}`}\n${detail}\n`);
    const [source] = sources;
    const [range] = location.ranges;
    if (source !== undefined && range !== undefined) stdout.write(sourceExcerpt(fileName, Buffer.from(source.data, 'base64').toString('utf8'), { start: range.start.line, end: range.end.line }));
  }
  if (buildError !== undefined) stderr.write(`ERROR: ${buildError.message}\n`);
  return count > 0 || buildError !== undefined ? 1 : 0;
}

function lineOf({ location }: LintDocument['warnings'][number]): number {
  return location.ranges[0]?.start.line ?? 0;
}
