/** What `--check` answers: the findings as BuildKit's sub-request `frontend.lint` has them. */
import { findingsInOrder, sortFindings, type CheckFinding } from '#build/checks/build-checks.ts';
import { checkAddress, checkRules } from '#build/checks/check-rules.ts';
import { sourceExcerpt } from '#base/source-excerpt.ts';
import type { LineRange } from '#build/dockerfile.ts';

export interface LintFacts {
  readonly fileName: string;
  readonly text: string;
  readonly findings: readonly CheckFinding[];
  /** What would fail the build. */
  readonly error?: { readonly message: string; readonly range: LineRange | undefined } | undefined;
}

export function lintResult({ fileName, text, findings, error }: LintFacts): Record<string, Buffer> {
  const sorted = sortFindings(findings);
  const document = {
    warnings: findingsInOrder(findings).map(({ name, detail, range }) => ({ ruleName: name, description: checkRules[name].description, url: address(name), detail, location: location(range) })),
    sources: [{ filename: fileName, data: Buffer.from(text).toString('base64'), language: 'Dockerfile' }],
    buildError: error === undefined ? undefined : { message: error.message, location: location(error.range) },
  };
  const shown = sorted.map(({ name, detail, range }) => {
    const link = checkAddress(name);
    return `\nWARNING: ${name}${link === '' ? '' : ` - ${link}`}\n${detail}\n\n${sourceExcerpt(fileName, text, range)}`;
  });
  return {
    'result.json': Buffer.from(JSON.stringify(document, undefined, 2)),
    'result.txt': Buffer.from(shown.join('')),
    'result.statuscode': Buffer.from(sorted.length > 0 || error !== undefined ? '1' : '0'),
    version: Buffer.from('1.0.0'),
  };
}

function address(name: CheckFinding['name']): string | undefined {
  const link = checkAddress(name);
  return link === '' ? undefined : link;
}

function location(range: LineRange | undefined): object {
  return range === undefined ? {} : { ranges: [{ start: { line: range.start }, end: { line: range.end } }] };
}
