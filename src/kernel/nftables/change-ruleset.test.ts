import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { test } from 'node:test';
import { checked, declare } from '../libc.ts';
import { runProgram } from '../run-program.ts';
import { changeRuleset } from './change-ruleset.ts';

const CLONE_NEWNET = 0x40000000;
// Threads of the pool stay in the machine's namespace; what is changed must be this one's all the same.
await stat('/');
checked(declare('int unshare(int flags)')(CLONE_NEWNET), 'unshare');

const listed = async (): Promise<string> => (await runProgram('nft', ['list', 'ruleset'])).stdout;

test('rules must be changed in the caller\'s namespace, all or none, and also many at once', async () => {
  await changeRuleset('add table ip tried; add chain ip tried base');
  await assert.rejects(changeRuleset('add chain ip tried other\nadd rule ip tried absent accept\n'), { code: 'network.firewall_failed', message: /No such file or directory/ });
  assert.doesNotMatch(await listed(), /other/);
  await Promise.all(Array.from({ length: 20 }, (_, number) => changeRuleset(`add chain ip tried many${number}\nadd rule ip tried many${number} drop\n`)));
  assert.equal((await listed()).match(/chain many\d+/g)?.length, 20);
  await changeRuleset('delete table ip tried');
  assert.equal((await listed()).trim(), '');
});

test('rules that are none must be refused with what nft says', async () => {
  await assert.rejects(changeRuleset('nonsense'), { code: 'network.firewall_failed', message: /syntax error/ });
});
