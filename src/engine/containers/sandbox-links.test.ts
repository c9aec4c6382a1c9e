import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { sandboxLinks } from './sandbox-links.ts';

const directory = '/run/docker/netns';
const own = `${directory}/repair-own-${process.pid}`;
const foreign = `${directory}/repair-foreign-${process.pid}`;

test('links that no sandbox owns must be removed while other engines make and remove theirs', async (t) => {
  mkdirSync(directory, { recursive: true });
  const worker = new Worker(
    `const { rmSync, symlinkSync } = require('node:fs');
     const { parentPort } = require('node:worker_threads');
     let going = true;
     parentPort.on('message', () => { going = false; });
     const turn = () => {
       for (let i = 0; i < 200; i++) { symlinkSync('/run/another-engine/netns/x', ${JSON.stringify(foreign)}); rmSync(${JSON.stringify(foreign)}); }
       if (going) setImmediate(turn); else parentPort.close();
     };
     turn();`,
    { eval: true },
  );
  t.after(async () => {
    await worker.terminate();
    for (const link of [own, foreign]) rmSync(link, { force: true });
  });
  for (let i = 0; i < 2000; i++) {
    symlinkSync('/run/repaired-engine/netns/x', own);
    sandboxLinks.repair('/run/repaired-engine', []);
    assert.equal(lstatSync(own, { throwIfNoEntry: false }), undefined);
  }
  worker.postMessage('end');
  await once(worker, 'exit');
});
