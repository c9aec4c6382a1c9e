import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import test from 'node:test';
import { ownerInContainer, ownerOnHost } from '#base/identity-mapping.ts';
import { checkUserRemapping, freeRange, readUserRemapping, remappedDataRoot, type AccountFiles } from './user-remapping.ts';

const files: AccountFiles = {
  passwd: 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nlone:x:1001:1001::/:/bin/sh\nbare:x:1002:1002::/:/bin/sh\n',
  group: 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\nbare:x:1002:\n',
  subuid: '# given\nalice:200000:1000\nother:100000:65536\n1000:500000:64536\n',
  subgid: 'alice:300000:65536\n',
};
const read = async (asked: string): Promise<unknown> => readUserRemapping(asked, () => files, async () => assert.fail('no account is to be made'));

test('users must be found by name and number, and their ranges count on from one another', async () => {
  const mapping = {
    uids: [{ containerId: 0, hostId: 200_000, size: 1000 }, { containerId: 1000, hostId: 500_000, size: 64_536 }],
    gids: [{ containerId: 0, hostId: 300_000, size: 65_536 }],
  };
  for (const asked of ['alice', '1000', 'alice:staff', '1000:50', 'alice:1000']) assert.deepEqual(await read(asked), mapping, asked);
  assert.deepEqual(ownerOnHost(mapping, { uid: 1500, gid: 7 }), { uid: 500_500, gid: 300_007 });
  assert.deepEqual(ownerInContainer(mapping, { uid: 500_500, gid: 5 }), { uid: 1500, gid: 65_534 });
  assert.throws(() => ownerOnHost(mapping, { uid: 65_536, gid: 0 }), { message: 'Container ID 65536 cannot be mapped to a host ID' });
  assert.equal(await read('root'), undefined);
  assert.equal(await read('0:0'), undefined);
});

test('what names nobody, or somebody without ranges, must be refused in Docker’s words', async () => {
  const refused = [
    ['a:b:c', 'Invalid user/group specification in --userns-remap: "a:b:c"'],
    ['nobody-here', 'Error during uid lookup for "nobody-here": getent unable to find entry "nobody-here" in passwd database'],
    ['77', 'Uid 77 has no entry in /etc/passwd: getent unable to find entry "77" in passwd database'],
    ['lone', 'Error during gid lookup for "lone": getent unable to find entry "lone" in group database'],
    ['alice:none', 'Error during groupname lookup for "none": getent unable to find entry "none" in group database'],
    ['alice:51', 'Gid 51 has no entry in /etc/passwd: getent unable to find entry "51" in group database'],
    ['bare', 'Can\'t create ID mappings: no subuid ranges found for user "bare"'],
  ] as const;
  for (const [asked, message] of refused) await assert.rejects(read(asked), { message }, asked);
});

test('to validate must refuse the same, and make no account', async () => {
  await checkUserRemapping('alice', () => files);
  await checkUserRemapping('default', () => files);
  await assert.rejects(checkUserRemapping('nobody-here', () => files), /Error during uid lookup for "nobody-here"/);
  await assert.rejects(checkUserRemapping('default:a:b', () => files), /Invalid user\/group specification/);
  await assert.rejects(checkUserRemapping('default', () => ({ ...files, passwd: 'dockremap:x:9:9::/:/bin/false\n', group: 'dockremap:x:9:\n' })), /no subuid ranges found for user "dockremap"/);
});

test('`default` must make its account where it is missing, with numbers that nobody has', async () => {
  let now = files;
  const mapping = await readUserRemapping('default', () => now, async () => {
    now = { passwd: 'dockremap:x:999:999::/:/bin/false\n', group: 'dockremap:x:999:\n', subuid: 'dockremap:600000:65536\n', subgid: 'dockremap:600000:65536\n' };
  });
  assert.deepEqual(mapping?.uids, [{ containerId: 0, hostId: 600_000, size: 65_536 }]);
  assert.equal(freeRange(files.subuid), 565_536 - 1000);
  assert.equal(freeRange(''), 100_000);
  assert.throws(() => freeRange('x:4294900000:65536\n'), /no available subordinate ID range/);
});

test('the data root must be of the mapping’s own, and open to its root alone', () => {
  const directory = mkdtempSync('/tmp/dhow-remap-');
  try {
    const mapping = { uids: [{ containerId: 0, hostId: 200_000, size: 10 }], gids: [{ containerId: 0, hostId: 300_000, size: 10 }] };
    assert.throws(() => remappedDataRoot(`${directory}/data`, mapping), /restricts access to the remapped root uid\/gid/);
    chmodSync(directory, 0o711);
    assert.equal(remappedDataRoot(`${directory}/data`, mapping), `${directory}/data/200000.300000`);
    const { mode, uid, gid } = statSync(`${directory}/data/200000.300000`);
    assert.deepEqual([mode & 0o777, uid, gid], [0o710, 0, 300_000]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
