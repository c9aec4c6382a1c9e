import assert from 'node:assert/strict';
import test from 'node:test';
import { parseTarget } from './request-target.ts';

test('a version prefix must be told from a path', () => {
  assert.deepEqual(parseTarget('/v1.44/containers/json?all=1'), { version: '1.44', path: '/containers/json', query: 'all=1', redirect: undefined });
  assert.equal(parseTarget('/_ping')?.version, undefined);
  assert.equal(parseTarget('/vbogus/info')?.version, undefined);
  assert.equal(parseTarget('/v1.44')?.version, undefined);
});

test('a path must be decoded, and wrong escapes seen', () => {
  assert.equal(parseTarget('/images/a%2Fb%3Ac/json')?.path, '/images/a/b:c/json');
  assert.equal(parseTarget('/images/%zz/json'), undefined);
});

test('a target with a host must do, as proxies send it', () => {
  assert.equal(parseTarget('http://localhost/v1.51/info')?.path, '/info');
});

test('a roundabout path must be sent to its short form', () => {
  assert.equal(parseTarget('/v1.51//containers/json?a=b')?.redirect, '/v1.51/containers/json?a=b');
  assert.equal(parseTarget('/v1.51/containers/../info')?.redirect, '/v1.51/info');
  assert.equal(parseTarget('/v1.51/./info/')?.redirect, '/v1.51/info/');
  assert.equal(parseTarget('/..')?.redirect, '/');
});
