/** What this program says of itself in `version` and `info`. */
import { statSync } from 'node:fs';
import { formatMoment, parseMoment } from '#base/template/go-time.ts';
import type { JsonDocument } from '#base/json-document.ts';
import { newestApiVersion } from '#client/client.ts';
import { dockerVersion, sourceCommit } from '#cli/version.ts';

/** As documents of the API name Node's architectures. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch === 'ia32' ? '386' : process.arch;

/** `Mon Jan _2 15:04:05 2006` of an RFC 3339 time; other texts stay. */
export function buildTimeText(text: string): string {
  const moment = parseMoment(text);
  return moment === undefined ? text : formatMoment(moment, 'Mon Jan _2 15:04:05 2006');
}

/** The members of the client's part; without an API version, as nobody has agreed on one yet. */
export function clientVersionMembers(context: string): ReadonlyMap<string, JsonDocument> {
  return new Map<string, JsonDocument>([
    ['Version', dockerVersion],
    ['DefaultAPIVersion', newestApiVersion],
    ['GitCommit', sourceCommit],
    ['GoVersion', `node ${process.version}`],
    ['Os', process.platform],
    ['Arch', architecture],
    ['BuildTime', buildTimeText(programTime())],
    ['Context', context],
  ]);
}

/** When the program's file was made. */
function programTime(): string {
  const file = process.argv[1];
  return file === undefined ? '' : statSync(file).mtime.toISOString();
}
