import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { decodeHeader, type DecodedHeader } from './header-decoder.ts';
import { archiveEnd, encodeHeader } from './header-encoder.ts';
import { writePaxRecords } from './pax-records.ts';
import { paxBlocks, rawHeader } from '#test/layers/raw-header.ts';

/** Decodes all headers of an archive without contents. */
function decodeAll(archive: Buffer): DecodedHeader[] {
  const headers: DecodedHeader[] = [];
  let position = 0;
  for (;;) {
    const demand = decodeHeader();
    let step = demand.next(Buffer.alloc(0));
    while (step.done !== true) {
      const bytes = archive.subarray(position, position + step.value);
      position += bytes.length;
      step = demand.next(bytes);
    }
    if (step.value === undefined) return headers;
    headers.push(step.value);
  }
}

function decodeOne(...blocks: Buffer[]): DecodedHeader {
  const headers = decodeAll(Buffer.concat([...blocks, archiveEnd]));
  assert.equal(headers.length, 1);
  return headers[0] as DecodedHeader;
}

function refuses(archive: Buffer, message: string): void {
  assert.throws(() => decodeAll(archive), (error) => isFailure(error, 'layer.invalid_archive') && error.message === message);
}

const invalid = 'archive/tar: invalid tar header';

test('a header of Unix V7 must be read without the fields it lacks, and its directories known by a slash', () => {
  const header = decodeOne(rawHeader({ name: 'old/dir/', mode: 0o755, uid: 3, gid: 4, mtime: 99, type: '\0', magic: '' }));
  assert.equal(header.type, '5');
  assert.deepEqual([header.name, header.mode, header.uid, header.gid, header.modified.seconds, header.userName], ['old/dir/', 0o755, 3, 4, 99, '']);
  assert.equal(decodeOne(rawHeader({ name: 'old/file', type: '\0', magic: '' })).type, '0');
});

test('the prefix of ustar must stand before the name, and that of GNU must not', () => {
  assert.equal(decodeOne(rawHeader({ name: 'b', prefix: 'a/long' })).name, 'a/long/b');
  assert.equal(decodeOne(rawHeader({ name: 'b', prefix: '00000000000', magic: 'ustar  \0' })).name, 'b');
});

test('GNU long names and link names must replace the short ones', () => {
  const name = `${'n'.repeat(300)}/x`;
  const target = 't'.repeat(600);
  const long = (type: string, text: string): Buffer => {
    const data = Buffer.alloc(Math.ceil((text.length + 1) / 512) * 512);
    data.write(text, 'latin1');
    return Buffer.concat([rawHeader({ name: '././@LongLink', type, size: text.length + 1, magic: 'ustar  \0' }), data]);
  };
  const header = decodeOne(long('K', target), long('L', name), rawHeader({ name: 'cut', type: '2', linkName: 'cut', magic: 'ustar  \0' }));
  assert.equal(header.name, name);
  assert.equal(header.linkName, target);
});

test('pax records must override the header, empty ones must not', () => {
  const header = decodeOne(
    paxBlocks({ path: 'p/ä', linkpath: 'target', uid: '3000000', gid: '4000000', mtime: '-1.5', size: '0', uname: 'u', gname: '', 'SCHILY.xattr.user.a': 'v\0w' }),
    rawHeader({ name: 'n', type: '2', uid: 1, gid: 2, groupName: 'g' }),
  );
  assert.equal(Buffer.from(header.name, 'latin1').toString(), 'p/ä');
  assert.deepEqual([header.linkName, header.uid, header.gid, header.userName, header.groupName], ['target', 3_000_000, 4_000_000, 'u', 'g']);
  assert.deepEqual(header.modified, { seconds: -2, nanoseconds: 500_000_000 });
  assert.equal(header.pax.get('SCHILY.xattr.user.a'), 'v\0w');
});

test('global pax headers must be passed over without effect, as Docker does', () => {
  const header = decodeOne(paxBlocks({ uid: '77', comment: 'x' }, 'g'), rawHeader({ name: 'n', uid: 5 }));
  assert.equal(header.uid, 5);
});

test('numbers in base 256 must be read, negative ones too', () => {
  const large = rawHeader({ name: 'n' }, (block) => {
    block.fill(0, 124, 136);
    block[124] = 0x80;
    block.writeUInt32BE(3, 128);
    block.writeUInt32BE(7, 132);
    block.fill(0xff, 136, 148);
    block[147] = 0xfe;
  });
  const [demand, blocks] = [decodeHeader(), large];
  demand.next(Buffer.alloc(0));
  const step = demand.next(blocks);
  assert.equal(step.done, true);
  const header = step.value as DecodedHeader;
  assert.equal(header.size, 3 * 2 ** 32 + 7);
  assert.equal(header.modified.seconds, -2);
});

test('sizes of links, devices and directories must not be taken for contents', () => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const header = decodeOne(rawHeader({ name: 'n', type, size: 5000, linkName: 't' }));
    assert.equal(header.storedSize, 0);
  }
});

test('checksums must be verified, sums of signed characters accepted', () => {
  const block = rawHeader({ name: 'n' });
  block[0] = 0x6d;
  refuses(Buffer.concat([block, archiveEnd]), invalid);
  const signed = rawHeader({ name: 'ä' });
  let sum = 0;
  for (const [index, byte] of signed.entries()) sum += index >= 148 && index < 156 ? 0x20 : (byte << 24) >> 24;
  signed.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  assert.equal(Buffer.from(decodeOne(signed).name, 'latin1').toString(), 'ä');
});

test('archives may end with two zero blocks, one, none or in the padding', () => {
  const block = rawHeader({ name: 'n' });
  for (const end of [archiveEnd, archiveEnd.subarray(0, 512), Buffer.alloc(0)]) {
    assert.equal(decodeAll(Buffer.concat([block, end])).length, 1);
  }
  assert.equal(decodeAll(Buffer.alloc(0)).length, 0);
});

test('an archive cut inside a header must be refused with unexpected EOF', () => {
  const block = rawHeader({ name: 'n' });
  for (const length of [1, 100, 511]) refuses(block.subarray(0, length), 'unexpected EOF');
  refuses(Buffer.concat([block, archiveEnd.subarray(0, 600)]), 'unexpected EOF');
  refuses(paxBlocks({ comment: 'x'.repeat(1000) }).subarray(0, 700), 'unexpected EOF');
});

test('a zero block before one that is not zero must be refused', () => {
  refuses(Buffer.concat([archiveEnd.subarray(0, 512), rawHeader({ name: 'n' })]), invalid);
});

test('special headers of more than a MiB must be refused before they are read', () => {
  for (const type of ['x', 'g', 'L', 'K']) refuses(rawHeader({ name: 'n', type, size: 1024 * 1024 + 1 }), 'archive/tar: header field too long');
});

test('negative and absurd sizes must be refused', () => {
  const negative = rawHeader({ name: 'n' }, (block) => void block.fill(0xff, 124, 136));
  refuses(negative, invalid);
  refuses(Buffer.concat([paxBlocks({ size: '-1' }), rawHeader({ name: 'n' })]), invalid);
  refuses(Buffer.concat([paxBlocks({ size: '99999999999999999999' }), rawHeader({ name: 'n' })]), invalid);
  const huge = rawHeader({ name: 'n' }, (block) => {
    block.fill(0xff, 124, 136);
    block[124] = 0x80;
  });
  refuses(huge, invalid);
});

test('malformed pax records must be refused', () => {
  const raw = (text: string): Buffer => {
    const data = Buffer.alloc(512);
    data.write(text, 'latin1');
    return Buffer.concat([rawHeader({ name: 'p', type: 'x', size: text.length }), data, rawHeader({ name: 'n' }), archiveEnd]);
  };
  for (const text of ['x', '9 a=b', '6 a=b', '-6 a=b\n', '7 a=b\n', '5 =b\n', '12 path=a\0b\n', '9 mtime=\n\n', '13 mtime=abc\n', '9 uid=1x\n', '999 a=b\n']) {
    refuses(raw(text), invalid);
  }
  assert.equal(decodeAll(raw('6 a=b\n'))[0]?.pax.get('a'), 'b');
});

test('sparse maps must be in order, inside the file and as long as the data', () => {
  const sparse = (map: string, size: number, stored: number): Buffer =>
    Buffer.concat([
      paxBlocks({ 'GNU.sparse.major': '0', 'GNU.sparse.minor': '1', 'GNU.sparse.map': map, 'GNU.sparse.size': String(size), 'GNU.sparse.name': 'real' }),
      rawHeader({ name: 'n', size: stored }),
    ]);
  refuses(sparse('10,5,0,5', 100, 10), invalid);
  refuses(sparse('0,5,98,5', 100, 10), invalid);
  refuses(sparse('0,5,9', 100, 10), invalid);
  refuses(sparse('0,5,10,5', 100, 9), 'archive/tar: sparse file references non-existent data');
  refuses(sparse('0,5,10,5', 100, 11), 'archive/tar: sparse file contains unreferenced data');
  const demand = decodeHeader();
  const archive = sparse('0,5,10,5', 100, 10);
  let position = 0;
  let step = demand.next(Buffer.alloc(0));
  while (step.done !== true) {
    step = demand.next(archive.subarray(position, (position += step.value)));
  }
  assert.deepEqual(step.value?.sparse, [{ offset: 0, length: 5 }, { offset: 10, length: 5 }]);
  assert.deepEqual([step.value?.name, step.value?.size, step.value?.storedSize], ['real', 100, 10]);
});

test('headers must be decoded as they were encoded', () => {
  const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/f`;
  const cases = [
    { name: 'plain', type: 'file', size: 0, mode: 0o4755, uid: 5, gid: 6, modified: { seconds: 1_700_000_000, nanoseconds: 0 } },
    { name: long, type: 'symlink', linkName: 'l'.repeat(200), modified: { seconds: -5, nanoseconds: 1 } },
    { name: 'ünïcode/', type: 'directory', uid: 4_000_000_000, gid: 2_097_152, userName: 'jürgen', modified: { seconds: 8_589_934_592, nanoseconds: 123_456_789 } },
    { name: `${'x'.repeat(254)}`, type: 'character', deviceMajor: 4_194_304, deviceMinor: 7 },
  ] as const;
  for (const entry of cases) {
    const header = decodeOne(encodeHeader(entry));
    assert.equal(Buffer.from(header.name, 'latin1').toString(), entry.name);
    if ('linkName' in entry) assert.equal(header.linkName, entry.linkName);
    if ('uid' in entry) assert.deepEqual([header.uid, header.gid], [entry.uid, entry.gid]);
    if ('modified' in entry) assert.deepEqual(header.modified, entry.modified);
    if ('mode' in entry) assert.equal(header.mode, entry.mode);
    if ('deviceMajor' in entry) assert.equal(header.pax.get('SCHILY.devmajor'), String(entry.deviceMajor));
  }
});

test('the length of a pax record must count its own digits', () => {
  for (let length = 1; length < 1200; length++) {
    const record = writePaxRecords(new Map([['k', 'v'.repeat(length)]])).toString('latin1');
    assert.equal(Number(record.slice(0, record.indexOf(' '))), record.length);
  }
});
