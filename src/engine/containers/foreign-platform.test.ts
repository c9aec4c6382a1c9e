import assert from 'node:assert/strict';
import test from 'node:test';
import { hostPlatform } from '#oci/platform.ts';
import { foreignPlatformWarning } from './foreign-platform.ts';

test('an image of another architecture must be warned of in the words of Docker, and one that runs here not', () => {
  const { architecture } = hostPlatform();
  assert.deepEqual(foreignPlatformWarning({ os: 'linux', architecture }), []);
  assert.deepEqual(foreignPlatformWarning({ os: 'linux', architecture: '' }), []);
  const foreign = architecture === 's390x' ? 'ppc64le' : 's390x';
  const [warning = '', ...more] = foreignPlatformWarning({ os: 'linux', architecture: foreign });
  assert.match(warning, new RegExp(`^The requested image's platform \\(linux/${foreign}\\) does not match the detected host platform \\(linux/${architecture}(/v[1-4])?\\) and no specific platform was requested$`));
  assert.deepEqual(more, []);
});
