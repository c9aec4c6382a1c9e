/** Warnings and errors in the form of Docker's logger: key-value pairs, or a short line on a terminal. */
import { quoteText } from '#base/template/go-quote.ts';
import { Output } from './streams/output.ts';

export function warn(message: string): void {
  log('warning', message);
}

export function logError(message: string): void {
  log('error', message);
}

function log(level: 'warning' | 'error', message: string): void {
  const stderr = new Output(2, { last: Promise.resolve() });
  if (stderr.isTerminal) {
    const [color, name] = level === 'warning' ? [33, 'WARN'] : [31, 'ERRO'];
    stderr.writeLine(`\u001B[${color}m${name}\u001B[0m[0000] ${message.padEnd(44)} `);
    return;
  }
  const now = new Date();
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60_000).toISOString().slice(0, 19);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  stderr.writeLine(`time="${local}${zone}" level=${level} msg=${quoteText(message)}`);
}
