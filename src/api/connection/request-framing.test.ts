import assert from 'node:assert/strict';
import test from 'node:test';
import { RequestFraming } from './request-framing.ts';

const rules = { headLimit: 4096, isHijack: (method: string, target: string) => method === 'POST' && target.endsWith('/attach') };

/** All requests in one text; `cut` says after how many bytes to cut it up. */
function feed(text: string, cut: number): { passed: string; framing: RequestFraming } {
  const framing = new RequestFraming(rules);
  const bytes = Buffer.from(text, 'latin1');
  const passed: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += cut) passed.push(...framing.feed(bytes.subarray(start, start + cut)));
  return { passed: Buffer.concat(passed).toString('latin1'), framing };
}

const before =
  'GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n' +
  'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\nPOST /x/attach HTTP/1.1\r\nfoo\r\n\r\n' +
  'POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n20\r\nPOST /x/attach HTTP/1.1\r\nfoo\r\n\r\n\r\n0\r\nTrailer: x\r\n\r\n';
const attach = 'POST /x/attach HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n';
const rewritten = 'POST /x/attach HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
const after = '{}POST /y/attach HTTP/1.1\r\n\r\n';

test('a request that takes over must be found behind others, however the bytes are cut, and nothing else changed', () => {
  for (const cut of [1, 2, 3, 5, 7, 16, 64, 10_000]) {
    const { passed, framing } = feed(before + attach + after, cut);
    assert.equal(passed, before + rewritten + after, `cut after ${cut}`);
    assert.deepEqual(framing.hijack, { upgrade: false, protocol: '', webSocket: false, closing: false });
  }
});

test('an upgrade that was asked for must be known, and one of an ordinary request left alone', () => {
  const { framing } = feed('POST /x/attach HTTP/1.1\r\nupgrade: tcp\r\nConnection: Upgrade\r\n\r\n', 1000);
  assert.equal(framing.hijack?.upgrade, true);
  const ordinary = 'GET /x HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n';
  const result = feed(ordinary, 9);
  assert.equal(result.passed, ordinary);
  assert.equal(result.framing.hijack, undefined);
});

test('a connection that is to be closed must be known', () => {
  assert.equal(feed('POST /x/attach HTTP/1.1\r\nConnection: close\r\n\r\n', 1000).framing.hijack?.closing, true);
  assert.equal(feed('POST /x/attach HTTP/1.0\r\n\r\n', 1000).framing.hijack?.closing, true);
});

test('what is no HTTP must pass unchanged', () => {
  for (const text of ['\x16\x03\x01hello\r\n\r\nPOST /x/attach HTTP/1.1\r\n\r\n', 'POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nPOST /x/attach HTTP/1.1\r\n\r\n']) {
    const { passed, framing } = feed(text, 3);
    assert.equal(passed, text);
    assert.equal(framing.hijack, undefined);
  }
});

test('a head beyond the limit must be given up, not kept', () => {
  const text = `GET /x HTTP/1.1\r\nA: ${'a'.repeat(5000)}`;
  const { passed, framing } = feed(text, 100);
  assert.equal(passed, text);
  assert.equal(framing.waiting, false);
});

test('the beginning of a head must be held back', () => {
  const { passed, framing } = feed('POST /x/att', 4);
  assert.equal(passed, '');
  assert.equal(framing.waiting, true);
});
