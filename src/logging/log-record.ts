/**
 * Reads one record of a json-file log out of a larger text. Texts here hold one byte per character
 * (latin1), so that whatever bytes a container wrote come out as they went in, and nothing is decoded twice.
 */
import { escapeQuery } from './query-escape.ts';

export interface LogRecord {
  readonly stream: 'stdout' | 'stderr';
  /** RFC 3339, as written. */
  readonly time: string;
  /** One byte per character. */
  readonly line: string;
  /** `key=value,…`, sorted and escaped; empty without attributes. One byte per character. */
  readonly attributes: string;
}

const opening = '{"log":"';
const streamMark = '","stream":"std';
const timeMark = '","time":"';
const attributesMark = '","attrs":{';
const attributesEnd = '},"time":"';
const streamLength = 6;
const letterN = 110;
const letterO = 111;
const letterE = 101;

/** Keeps what helps with the next record of the same log: neighbours have the same attributes. */
export interface RecordMemory {
  attributesText: string;
  attributes: string;
}

/** The record in `text` from `start` to `end` (its line without the line's end); undefined when there is none. */
export function readRecord(text: string, start: number, end: number, memory: RecordMemory): LogRecord | undefined {
  return readCommonRecord(text, start, end, memory) ?? readAnyRecord(text.slice(start, end), memory);
}

/** The shape that Docker and this engine write: `log`, `stream`, maybe `attrs`, `time`. */
function readCommonRecord(text: string, start: number, end: number, memory: RecordMemory): LogRecord | undefined {
  if (!text.startsWith(opening, start)) return undefined;
  // In a whole record every quote of the line is escaped, so the mark cannot be part of it.
  const close = text.indexOf(streamMark, start + opening.length);
  if (close === -1 || close > end || !text.endsWith('"}', end)) return undefined;
  const letter = text.charCodeAt(close + streamMark.length);
  if (letter !== letterO && letter !== letterE) return undefined;
  const streamEnd = close + streamMark.length - 3 + streamLength;
  let timeStart = streamEnd + timeMark.length;
  let attributes = '';
  if (!text.startsWith(timeMark, streamEnd)) {
    const attributesStart = streamEnd + attributesMark.length - 1;
    const last = text.lastIndexOf(attributesEnd, end);
    if (!text.startsWith(attributesMark, streamEnd) || last < attributesStart) return undefined;
    const known = attributesOf(text.slice(attributesStart, last + 1), memory);
    if (known === undefined) return undefined;
    attributes = known;
    timeStart = last + attributesEnd.length;
  }
  const line = unescapeLine(text, start + opening.length, close);
  if (line === undefined) return undefined;
  return { stream: letter === letterO ? 'stdout' : 'stderr', time: text.slice(timeStart, end - 2), line, attributes };
}

function unescapeLine(text: string, start: number, end: number): string | undefined {
  const escape = text.indexOf('\\', start);
  const unescaped = escape === -1 || escape >= end;
  if (unescaped || (escape === end - 2 && text.charCodeAt(end - 1) === letterN)) {
    // A bare quote is where a torn record was followed by another.
    if (text.indexOf('"', start) < end) return undefined;
    return unescaped ? text.slice(start, end) : `${text.slice(start, escape)}\n`;
  }
  const escaped = text.slice(start, end);
  // Numeric escapes stand for characters, which take several bytes here.
  const plain = escaped.includes('\\u') ? escaped.replace(/\\\\|(?:\\u[0-9a-fA-F]{4})+/g, bytesOfEscapes) : escaped;
  try {
    return String(JSON.parse(`"${plain}"`));
  } catch {
    return undefined;
  }
}

function bytesOfEscapes(escapes: string): string {
  if (escapes === '\\\\') return escapes;
  const characters = String(JSON.parse(`"${escapes}"`));
  // Back into JSON for the caller: quotes, backslashes and control characters escaped again, without \u.
  return Buffer.from(characters, 'utf8').toString('latin1').replace(/["\\]/g, '\\$&').replace(/[\0-\x1f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Any valid record, and one that begins in a line whose writer died before its end. */
function readAnyRecord(line: string, memory: RecordMemory): LogRecord | undefined {
  const record = parseRecord(line, memory);
  if (record !== undefined) return record;
  const restart = line.lastIndexOf(opening);
  return restart > 0 ? parseRecord(line.slice(restart), memory) : undefined;
}

function parseRecord(line: string, memory: RecordMemory): LogRecord | undefined {
  const value = parseJson(Buffer.from(line, 'latin1').toString('utf8'));
  if (typeof value !== 'object' || value === null) return undefined;
  const { log = '', stream, time, attrs } = value as { log?: unknown; stream?: unknown; time?: unknown; attrs?: unknown };
  if (typeof log !== 'string' || typeof time !== 'string' || (stream !== 'stdout' && stream !== 'stderr')) return undefined;
  const attributes = attrs === undefined ? '' : (attributesOf(latin1(JSON.stringify(attrs)), memory) ?? '');
  return { stream, time, line: latin1(log), attributes };
}

function attributesOf(text: string, memory: RecordMemory): string | undefined {
  if (text === memory.attributesText) return memory.attributes;
  const value = parseJson(Buffer.from(text, 'latin1').toString('utf8'));
  if (typeof value !== 'object' || value === null) return undefined;
  const attributes = Object.entries(value)
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, content]) => `${escapeQuery(key)}=${escapeQuery(String(content))}`)
    .join(',');
  memory.attributesText = text;
  memory.attributes = attributes;
  return attributes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
