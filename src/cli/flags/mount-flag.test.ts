import assert from 'node:assert/strict';
import test from 'node:test';
import { parseMount } from './mount-flag.ts';

test('a mount must be sent as its options say', () => {
  assert.deepEqual(parseMount('type=bind,src=/a,dst=/b,ro,bind-propagation=rslave'), { Type: 'bind', Source: '/a', Target: '/b', ReadOnly: true, BindOptions: { Propagation: 'rslave' } });
  assert.deepEqual(parseMount('src=v,dst=/b,volume-nocopy,volume-label=a=b,volume-opt=x=y'), {
    Type: 'volume', Source: 'v', Target: '/b', VolumeOptions: { NoCopy: true, Labels: { a: 'b' }, DriverConfig: { Options: { x: 'y' } } },
  });
  assert.deepEqual(parseMount('type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770'), { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1048576, Mode: 0o1770 } });
  assert.deepEqual(parseMount('type=bind,"src=/a,b",dst=/x'), { Type: 'bind', Source: '/a,b', Target: '/x' });
});

for (const [text, message] of [
  ['--rm', "invalid field '--rm' must be a key=value pair"],
  ['foo=bar', "unexpected key 'foo' in 'foo=bar'"],
  ['type=bind', 'target is required'],
  ['type=,dst=/x', 'type is required'],
  ['type=bind,src=/x,dst=/b,tmpfs-size=1', "cannot mix 'tmpfs-*' options with mount type 'bind'"],
  ['type=bind,src=/x,dst=/b,bind-recursive=writable', "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"],
  ['type=bind,src=/x,dst=/b,ro=maybe', 'invalid value for ro: maybe'],
  ['type=bind,src="/a",dst=/x', 'parse error on line 1, column 15: bare " in non-quoted-field'],
  ['', 'EOF'],
] as const) {
  test(`mount ${text} must be refused with Docker's text`, () => {
    assert.throws(() => parseMount(text), { message });
  });
}
