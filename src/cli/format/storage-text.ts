/** What `system fsck` and `system df -v` say of the data root. */
import { humanSize } from '#base/human-size.ts';
import type { StorageReport } from '#schema/storage-report.ts';

export function storageText(report: StorageReport): string {
  const { Orphans: orphans, Damaged: damaged, Unfinished: unfinished, Deep: deep, DataRoot: root } = report;
  const lines = [usageText(report)];
  if (unfinished.length > 0) lines.push('', 'Waiting for a transfer to be repeated (removed after a day, or by `system prune`):', ...unfinished.map(({ Digest, Bytes, AgeSeconds, Complete }) => `  ${Digest}  ${humanSize(Bytes)}${Complete ? '' : ' so far'}, ${AgeSeconds} seconds old`));
  if (orphans.length > 0) lines.push('', `Without an owner, below ${root}:`, ...orphans.map(({ Path, Bytes }) => `  ${Path}  ${humanSize(Bytes)}`));
  if (damaged.length > 0) lines.push('', 'Damaged:', ...damaged.map(({ Kind, Id, Reason }) => `  ${Kind} ${Id}: ${Reason}`));
  const verdict = orphans.length + damaged.length > 0
    ? `${count(orphans.length, 'path')} without an owner, ${count(damaged.length, 'damaged object')}`
    : `every file has an owner, nothing is damaged${deep ? '' : ' as far as can be seen without --deep'}`;
  return `${[...lines, '', `${root}: ${verdict}`].join('\n')}\n`;
}

/** A table by kind; its total is what `du` says of the data root. */
export function usageText({ Usage: usage, Orphans: orphans, Bytes: total }: StorageReport): string {
  const orphaned = orphans.reduce((sum, { Bytes }) => sum + Bytes, 0);
  const rows = [
    ['KIND', 'OBJECTS', 'SIZE ON DISK'],
    ...usage.map(({ Kind, Objects, Bytes }) => [Kind, String(Objects), humanSize(Bytes)]),
    ...(orphans.length === 0 ? [] : [['without an owner', String(orphans.length), humanSize(orphaned)]]),
    ['total', '', humanSize(total)],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)) + 3);
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('').trimEnd()).join('\n');
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
