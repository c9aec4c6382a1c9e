/** Shows the progress of pulls, loads and the like: bars on a terminal, plain lines elsewhere, as Docker's CLI. */
import { formatDuration } from '#cli/go-duration.ts';
import { humanSize } from '#base/human-size.ts';
import type { ProgressMessage } from '#schema/image-views.ts';
import type { Output } from './streams/output.ts';

interface Detail {
  readonly current?: number;
  readonly total?: number;
  /** Unix seconds of the beginning. */
  readonly start?: number;
  readonly hidecounts?: boolean;
  readonly units?: string;
}

/** Writes the messages as they come. `onAux` gets those that carry data for programs. @throws Error of a message that reports one */
export async function displayProgress(messages: AsyncIterable<ProgressMessage>, output: Output, onAux?: (aux: unknown) => void): Promise<void> {
  const { isTerminal } = output;
  const width = isTerminal ? output.size.columns : 200;
  let lines = new Map<string, number>();
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) {
      onAux?.(message.aux);
      continue;
    }
    const id = message.id ?? '';
    let distance = 0;
    if (id !== '' && (message.progressDetail !== undefined || (message.progress ?? '') !== '')) {
      let line = lines.get(id);
      if (line === undefined) {
        line = lines.size;
        lines.set(id, line);
        if (isTerminal) output.write('\n');
      }
      distance = lines.size - line;
      if (isTerminal) output.write(`\u001B[${distance}A`);
    } else lines = new Map();
    try {
      output.write(messageText(message, isTerminal, width));
    } finally {
      if (id !== '' && isTerminal) output.write(`\u001B[${distance}B`);
    }
  }
}

/** Reads the messages without showing them. @throws Error of a message that reports one */
export async function drainProgress(messages: AsyncIterable<ProgressMessage>, onAux?: (aux: unknown) => void): Promise<void> {
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) onAux?.(message.aux);
    if (message.errorDetail !== undefined && message.errorDetail !== null) throw new Error(message.errorDetail.message);
  }
}

function messageText(message: ProgressMessage, isTerminal: boolean, width: number): string {
  if (message.errorDetail !== undefined && message.errorDetail !== null) throw new Error(message.errorDetail.message);
  const { stream = '', status = '', id = '', progress = '' } = message;
  const detail: Detail | undefined = message.progressDetail;
  const bar = detail === undefined ? '' : progressText(detail, width);
  let text = '';
  let end = '';
  if (isTerminal && stream === '' && detail !== undefined) {
    end = '\r';
    text = '\u001B[2K\r';
  } else if (bar !== '') return '';
  if (id !== '') text += `${id}: `;
  if (detail !== undefined && isTerminal) return `${text}${status} ${bar}${end}`;
  if (progress !== '') return `${text}${status} ${progress}${end}`;
  return stream !== '' ? `${text}${stream}${end}` : `${text}${status}${end}\n`;
}

/** `[=====>      ]  1.5MB/3MB 2s`, as much as the width allows. */
function progressText(detail: Detail, width: number): string {
  const { current = 0, total = 0, start = 0, hidecounts = false, units = '' } = detail;
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return units === '' ? humanSize(current).padStart(8) : `${current} ${units}`;
  const half = Math.min(50, Math.trunc(Math.trunc((current / total) * 100) / 2));
  let text = width > 110 ? `[${'='.repeat(half)}>${' '.repeat(50 - half)}] ` : '';
  if (!hidecounts) {
    const counts = units === '' ? humanSize(current).padStart(8) : String(current);
    text += current > total ? counts : `${counts}/${units === '' ? humanSize(total) : total}`;
    if (units !== '') text += ` ${units}`;
  }
  if (width > 50 && current > 0 && start > 0 && half < 50) {
    const perEntry = (Date.now() * 1e6 - start * 1e9) / current;
    text += ` ${formatDuration(Math.round(((total - current) * perEntry) / 1e9) * 1e9)}`;
  }
  return text;
}
