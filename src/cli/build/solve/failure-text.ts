/** What is printed before a build's error: the step's last output, and the lines of the Dockerfile. */
import { RpcStatus } from '#schema/buildkit/common-messages.ts';
import { sourceExcerpt } from '#base/source-excerpt.ts';
import type { GrpcError } from '#base/grpc/grpc-status.ts';
import type { FailedStep } from './shown-progress.ts';

export function failureText(error: GrpcError, failed: FailedStep | undefined): string {
  const rule = '------';
  const step = failed === undefined ? '' : `${rule}\n > ${failed.name}:\n${failed.output.map((line) => `${line}\n`).join('')}${rule}\n`;
  return step + sourceText(error);
}

interface SourceDetail {
  readonly info: { readonly filename: string; readonly data: string };
  readonly ranges: readonly { readonly start: { readonly line: number }; readonly end: { readonly line: number } }[];
}

function sourceText({ details }: GrpcError): string {
  if (details === undefined) return '';
  const found = RpcStatus.decode(details).details.filter(({ typeUrl }) => typeUrl.endsWith('errdefs.Source+json'));
  // As buildx prints them, the last first.
  return found.reverse().map(({ value }) => excerptOf(JSON.parse(value.toString('utf8')) as SourceDetail)).join('');
}

/** The daemon writes it in this form. */
function excerptOf({ info, ranges: [range] }: SourceDetail): string {
  if (range === undefined) return '';
  return sourceExcerpt(info.filename, Buffer.from(info.data, 'base64').toString('utf8'), { start: range.start.line, end: range.end.line });
}
