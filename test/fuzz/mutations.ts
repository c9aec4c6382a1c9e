/** Changes inputs at random, blindly and by what they mean: numbers, JSON values, fields of tar headers. */
import type { Random } from './fuzz-run.ts';

const numbers = ['0', '-1', '1', '7', '8', '255', '256', '65536', '1048577', '2147483648', '4294967295', '9007199254740993', '18446744073709551616', '1e308', '-0', '1.5', '077777777777'] as const;
const bits = [0x00, 0x01, 0x20, 0x2f, 0x3a, 0x40, 0x7f, 0x80, 0xff, 0x0a] as const;

export function mutateBytes(random: Random, corpus: readonly [Buffer, ...Buffer[]]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(corpus));
  for (let step = random.below(4); step >= 0; step--) bytes = mutateOnce(random, bytes, corpus);
  return bytes;
}

function mutateOnce(random: Random, bytes: Buffer, corpus: readonly [Buffer, ...Buffer[]]): Buffer {
  const at = random.below(bytes.length + 1);
  const length = random.below(Math.min(64, bytes.length - at) + 1);
  switch (random.below(7)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = random.pick(bits);
      return bytes;
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at)]);
    case 4:
      return bytes.subarray(0, at);
    case 5: {
      const other = random.pick(corpus);
      const from = random.below(other.length + 1);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + random.below(2048)), bytes.subarray(at)]);
    }
    default:
      return replaceNumber(random, bytes);
  }
}

function replaceNumber(random: Random, bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const found = [...text.matchAll(/\d+/g)];
  const chosen = found[random.below(found.length)];
  if (chosen === undefined) return bytes;
  return Buffer.from(text.slice(0, chosen.index) + random.pick(numbers) + text.slice(chosen.index + chosen[0].length), 'latin1');
}

/** Fields of a tar header: where they begin and end. */
const fields: readonly [readonly [number, number], ...(readonly [number, number])[]] = [[0, 100], [100, 108], [108, 116], [116, 124], [124, 136], [136, 148], [156, 157], [157, 257], [257, 265], [329, 337], [337, 345], [345, 500], [386, 398], [398, 410], [482, 483], [483, 495]];
const names = ['..', '../../evil', '/', '/etc/passwd', './', 'a/..', '.wh..wh..opq', '.wh.', '.wh.a', '.wh..', 'l/x', 'a', 'd', 'd/', '\0', '\xff\xfe'] as const;

/** Changes fields of headers and mends their checksums, so that what lies behind is reached, too. */
export function mutateTar(random: Random, archive: Buffer): Buffer {
  const bytes = Buffer.from(archive);
  const headers: number[] = [];
  for (let start = 0; start + 512 <= bytes.length; start += 512) if (bytes.toString('latin1', start + 257, start + 262) === 'ustar') headers.push(start);
  for (let step = random.below(3); step >= 0; step--) {
    const start = headers[random.below(headers.length)];
    if (start === undefined) break;
    const [from, to] = random.pick(fields);
    const field = bytes.subarray(start + from, start + to);
    switch (random.below(5)) {
      case 0:
        field.fill(0).write(random.pick(numbers), 'latin1');
        break;
      case 1:
        field.fill(0).write(random.pick(names), 'latin1');
        break;
      case 2:
        // Base-256, of either sign.
        for (const index of field.keys()) field[index] = random.below(3) === 0 ? 0 : random.below(256);
        field[0] = random.pick([0x80, 0xff, 0xc0]);
        break;
      case 3:
        field.write(random.pick(['0', '1', '2', '3', '4', '5', '6', '7', 'S', 'x', 'g', 'L', 'K', 'V']), 'latin1');
        break;
      default:
        field[random.below(field.length)] = random.below(256);
    }
    mendChecksum(bytes.subarray(start, start + 512));
  }
  return bytes;
}

function mendChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** Puts other values into a document, of right and wrong types. */
export function mutateJson(random: Random, document: unknown): unknown {
  if (random.below(6) === 0) return strangeValue(random, document);
  if (Array.isArray(document)) {
    const items: unknown[] = [...document];
    const at = random.below(items.length + 1);
    if (at < items.length && random.below(4) > 0) items[at] = mutateJson(random, items[at]);
    else items.splice(at, random.below(2), strangeValue(random, items[0]));
    return items;
  }
  if (typeof document === 'object' && document !== null) {
    const entries = Object.entries(document);
    const at = random.below(entries.length);
    const entry = entries[at];
    if (entry === undefined) return strangeValue(random, document);
    entries[at] = [random.below(12) === 0 ? random.pick(['__proto__', '', 'constructor', 'toString']) : entry[0], mutateJson(random, entry[1])];
    if (random.below(8) === 0) entries.splice(at, 1);
    return Object.fromEntries(entries);
  }
  return strangeValue(random, document);
}

function strangeValue(random: Random, old: unknown): unknown {
  switch (random.below(12)) {
    case 0:
      return null;
    case 1:
      return Number(random.pick(numbers));
    case 2:
      return '';
    case 3:
      return [];
    case 4:
      return {};
    case 5:
      return true;
    case 6:
      return 'x'.repeat(random.below(5000));
    case 7:
      return Array.from({ length: random.below(300) }, () => old);
    case 8:
      return nested(random.below(3000));
    case 9:
      return random.pick(['../../etc/passwd', 'sha256:', `sha256:${'0'.repeat(64)}`, `sha512:${'0'.repeat(64)}`, 'md5:x', 'blobs/sha256/..', '\0', '\ud800', '2024-99-99T00:00:00Z']);
    default:
      return typeof old === 'string' ? old.slice(0, random.below(old.length + 1)) + random.pick([':', '/', '@', '..', '\n', 'A', '']) + old.slice(random.below(old.length + 1)) : String(old);
  }
}

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}
