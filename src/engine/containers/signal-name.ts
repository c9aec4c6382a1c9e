/** Signals as Docker's API takes them: a name with or without SIG in any case, or a number. */
import { constants } from 'node:os';

/** What a client names, valid on this machine or not: Docker takes every number but zero. Undefined for what names nothing. */
export function readSignal(text: string): number | undefined {
  if (!/^[+-]?\d+$/.test(text)) return parseSignal(text);
  const number = Number(text);
  return number === 0 ? undefined : number;
}

/** Whether Linux has a signal of this number. */
export function isSignal(number: number): boolean {
  return number >= 1 && number <= 64;
}

/** The number of a signal on Linux; undefined when there is none by this name. Real-time signals as `RTMIN+n`. */
export function parseSignal(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= 64 ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const number = (constants.signals as Record<string, number>)[`SIG${name}`];
  if (number !== undefined) return number;
  const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime === null) return undefined;
  const base = realTime[1] === 'RTMIN' ? 34 : 64;
  const offset = Number(realTime[3] ?? 0) * (realTime[2] === '-' ? -1 : 1);
  const result = base + offset;
  return result >= 34 && result <= 64 ? result : undefined;
}

/** `SIGTERM` and the like; real-time signals as `SIGRTMIN+n`. */
export function signalNameOf(number: number): string {
  if (number >= 34) return number === 34 ? 'SIGRTMIN' : `SIGRTMIN+${number - 34}`;
  // Some numbers have a second, older name.
  return Object.entries(constants.signals).find(([name, value]) => value === number && name !== 'SIGIOT' && name !== 'SIGPOLL')?.[0] ?? `signal ${number}`;
}
