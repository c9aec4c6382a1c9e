import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { parseGroup, parsePasswd } from './account-files.ts';
import { resolveAccount, resolveUser } from './resolve-user.ts';

const passwd = parsePasswd('root:x:0:0:root:/root:/bin/sh\n\n  app:x:1500:1600:App:/home/app:/bin/sh  \nbare:x:1501\nodd:x:abc:def:::\n4444:x:1502:1502::/four:\n');
const groups = parseGroup('# comment:x:9:app\nroot:x:0:\nappgrp:x:1600:\nstaff:x:1700:app,other\nextra:x:1800:app\n');

function resolve(user: string, groupAdd: readonly string[] = []): string {
  const { uid, gid, additionalGids, home } = resolveAccount(user, groupAdd, passwd, groups);
  return `${uid}:${gid} [${additionalGids.join(' ')}] ${home}`;
}

function refusal(user: string, groupAdd: readonly string[] = []): string {
  try {
    return resolve(user, groupAdd);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('names and numbers must be found with their groups and home', () => {
  assert.equal(resolve(''), '0:0 [0] /root');
  assert.equal(resolve('root'), '0:0 [0] /root');
  assert.equal(resolve('app'), '1500:1600 [1600 1700 1800] /home/app');
  assert.equal(resolve('1500'), '1500:1600 [1600 1700 1800] /home/app');
  assert.equal(resolve('bare'), '1501:0 [0] /');
});

test('a group that is given must replace all groups of the user', () => {
  assert.equal(resolve('app:staff'), '1500:1700 [1700] /home/app');
  assert.equal(resolve('app:5'), '1500:5 [5] /home/app');
  assert.equal(resolve('0:50'), '0:50 [50] /root');
  assert.equal(resolve(':staff'), '0:1700 [1700] /root');
});

test('a number without an entry must be taken as it is', () => {
  assert.equal(resolve('1234'), '1234:0 [0] /');
  assert.equal(resolve('1234:4321'), '1234:4321 [4321] /');
});

test('a numeric name must be taken as a number', () => {
  assert.equal(resolve('4444'), '4444:0 [0] /');
});

test('groups that are added must come last, also those the user has already', () => {
  assert.equal(resolve('app', ['staff']), '1500:1600 [1600 1700 1800 1700] /home/app');
  assert.equal(resolve('1000', ['2000', '3000', '2000']), '1000:0 [0 2000 3000] /');
});

test("refusals must be in Docker's words", () => {
  assert.equal(refusal('nobody-here'), 'unable to find user nobody-here: no matching entries in passwd file');
  assert.equal(refusal('app:nogroup-here'), 'unable to find group nogroup-here: no matching entries in group file');
  assert.equal(refusal('app', ['nope']), 'unable to find group nope: no matching entries in group file');
  for (const user of ['-1', '99999999999', '2147483648', '99999999999999999999999', '0:-1', '0:2147483648']) {
    assert.equal(refusal(user), 'uids and gids must be in range 0-2147483647', user);
  }
  assert.equal(refusal('app', ['2147483648']), 'uids and gids must be in range 0-2147483647');
  assert.equal(resolve('2147483647'), '2147483647:0 [0] /');
});

test('links in the root file system must not lead out of it', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-user-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const rootfs = join(directory, 'rootfs');
  mkdirSync(join(rootfs, 'etc'), { recursive: true });
  mkdirSync(join(rootfs, 'inside'), { recursive: true });
  writeFileSync(join(directory, 'passwd'), 'outsider:x:1:1::/:\n');
  writeFileSync(join(rootfs, 'inside/passwd'), 'insider:x:7:7::/seven:\n');
  for (const target of [join(directory, 'passwd'), '../../../../../../../../' + join(directory, 'passwd'), '../../passwd']) {
    symlinkSync(target, join(rootfs, 'etc/passwd'));
    assert.throws(() => resolveUser(rootfs, 'outsider', []), (error) => isFailure(error, 'runtime.user_not_found'), target);
    rmSync(join(rootfs, 'etc/passwd'));
  }
  symlinkSync('/inside/passwd', join(rootfs, 'etc/passwd'));
  assert.equal(resolveUser(rootfs, 'insider', []).uid, 7);
  rmSync(join(rootfs, 'etc'), { recursive: true });
  symlinkSync('/inside', join(rootfs, 'etc'));
  assert.equal(resolveUser(rootfs, 'insider', []).home, '/seven');
});

test('what is no regular file must count as no file', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'dhow-user-'));
  t.after(() => rmSync(directory, { recursive: true }));
  assert.equal(resolveUser(directory, '', []).home, '/');
  mkdirSync(join(directory, 'etc/passwd'), { recursive: true });
  assert.equal(resolveUser(directory, '5', []).uid, 5);
});
