import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignColumns } from './align-columns.ts';
import { portsText } from './container-context.ts';
import { displayWidth, ellipsis } from './display-width.ts';
import { imageRows } from './image-context.ts';
import { renderImageTree, type TreeImage } from './image-tree.ts';
import { compareNaturally } from './natural-order.ts';
import { parsePlatform } from './platform-text.ts';
import { renderList } from './render-list.ts';
import { contextType } from './context-type.ts';
import type { ImageSummary } from '#schema/image-views.ts';

test('cells above each other must be as wide as the widest, and what follows the last tab is left alone', () => {
  assert.equal(alignColumns('A\tB\tC\nlonger than ten\tx\ty\n'), 'A                 B         C\nlonger than ten   x         y\n');
  assert.equal(alignColumns('a\tb\n'), 'a         b\n');
});

test('a line without the cell must end the column', () => {
  assert.equal(alignColumns('a\tb\nplain\nvery long cell\tb\n'), 'a         b\nplain\nvery long cell   b\n');
});

test('wide characters must take two columns and combining ones none', () => {
  assert.deepEqual(['abc', '日本', 'e\u0301', '😀', 'ü…'].map(displayWidth), [3, 4, 1, 2, 2]);
  assert.equal(alignColumns('日本語の名前\tx\nab\ty\n'), '日本語の名前   x\nab             y\n');
});

test('texts must be cut to a width with an ellipsis', () => {
  assert.deepEqual(['short', 'exactly ten', 'a rather long command'].map((text) => ellipsis(text, 11)), ['short', 'exactly ten', 'a rather l…']);
  assert.equal(ellipsis('日本語日本語', 6), '日本…');
  assert.equal(ellipsis('abc', 1), 'a');
  assert.equal(ellipsis('abc', 0), '');
});

test('ports must be shown in ranges, changed ones last, IPv6 in brackets', () => {
  assert.equal(portsText([
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 91, PublicPort: 91, Type: 'tcp' },
    { IP: '::', PrivatePort: 90, PublicPort: 90, Type: 'tcp' },
    { PrivatePort: 7, Type: 'udp' },
    { PrivatePort: 5, Type: 'udp' },
    { PrivatePort: 6, Type: 'udp' },
    { PrivatePort: 9, Type: 'udp' },
  ]), '5-7/udp, 9/udp, [::]:90-91->90-91/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp');
});

test('numbers in names must count as numbers', () => {
  assert.deepEqual(['net10', 'net9', 'net', 'a01', 'a1', 'b'].sort(compareNaturally), ['a1', 'a01', 'b', 'net', 'net9', 'net10']);
});

function image(tags: string[], digests: string[]): ImageSummary {
  return { Containers: -1, Created: 0, Id: 'sha256:1', Labels: null, ParentId: '', RepoDigests: digests, RepoTags: tags, SharedSize: -1, Size: 1 };
}

test('an image must have a row for each of its names, and for each digest where digests are shown', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const options = { truncate: true, digests: false, format: 'table' };
  const names = (tags: string[], digests: string[], shows: boolean): string[] => (
    imageRows(image(tags, digests), { ...options, digests: shows }).map((row) => `${row.repository}:${row.tag}@${row.digest}`));
  assert.deepEqual(names([], [], false), ['<none>:<none>@<none>']);
  assert.deepEqual(names(['docker.io/library/x:1', 'x:2', 'r.io/y:3'], [], false), ['x:1@<none>', 'x:2@<none>', 'r.io/y:3@<none>']);
  assert.deepEqual(names(['x:1'], [`x@${digest}`], false), ['x:1@<none>']);
  assert.deepEqual(names(['x:1'], [`x@${digest}`], true), [`x:1@${digest}`]);
  assert.deepEqual(names([], [`z@${digest}`], false), ['z:<none>@']);
  assert.deepEqual(names([], [`z@${digest}`], true), [`z:<none>@${digest}`]);
});

test('a tree must list the platforms of an image below it', () => {
  const manifest = (architecture: string, variant: string, used: boolean) => ({
    ID: `sha256:${architecture}`, Available: true, Kind: 'image', Size: { Content: 1000, Total: 3000 },
    ImageData: { Platform: { os: 'linux', architecture, variant }, Containers: used ? ['c'] : [] },
  });
  const multi: TreeImage = { ...image(['app:latest', 'app:1'], []), Size: 6000, Created: 2, Manifests: [manifest('amd64', '', true), manifest('arm64', 'v8', false)] };
  const single: TreeImage = { ...image([], []), Created: 1 };
  assert.equal(renderImageTree([single, multi], { isTerminal: false, columns: 0 }), [
    "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.",
    '                                                              Info ->  U In Use ',
    '',
    '\u001b[39m\u001b[1mIMAGE\u001b[0m                   \u001b[39m\u001b[1mID\u001b[0m             \u001b[39m\u001b[1mDISK USAGE\u001b[0m   \u001b[39m\u001b[1mCONTENT SIZE\u001b[0m   \u001b[39m\u001b[1mEXTRA\u001b[0m',
    'app:latest',
    'app:1                   1                     6kB            2kB   U    ',
    '├─ linux/amd64          amd64                 3kB            1kB   U    ',
    '└─ linux/arm64/v8       arm64                 3kB            1kB        ',
    '',
    '<untagged>              1                      1B             0B        ',
    '',
    '',
  ].join('\n'));
});

test('platforms must be sent as the API takes them', () => {
  assert.equal(parsePlatform(''), undefined);
  assert.equal(parsePlatform('linux/aarch64'), '{"architecture":"arm64","os":"linux"}');
  assert.equal(parsePlatform('linux/arm/v6'), '{"architecture":"arm","os":"linux","variant":"v6"}');
  assert.throws(() => parsePlatform('linux/amd64/x/y'), /^CommandFailure: invalid platform: "linux\/amd64\/x\/y": cannot parse platform specifier: invalid argument$/);
  assert.throws(() => parsePlatform('a/b/c/d/e'), /^CommandFailure: invalid platform: "d\/e" is an invalid component of "a\/b\/c\/d\/e": platform specifier component must match "\^\[A-Za-z0-9_.-\]\+\$": invalid argument$/);
});

const numbers = contextType<number>('formatter.numberContext', { Half: (value) => String(value / 2), Name: (value) => `n${value}` }, {
  Label: (value, name) => `${name}${value}`,
});
const headers = { Half: 'HALF', Name: 'NAME' };

test('a table must have headers, whatever its functions do to the values', () => {
  const rows = [2, 40].map(numbers.value);
  assert.equal(
    renderList({ format: 'table {{upper .Name}}\\t{{pad .Half 1 1}}\\t{{.Label "my.own_label-name"}}', headers }, rows),
    'NAME       HALF     own label name\nN2         1        my.own_label-name2\nN40        20       my.own_label-name40\n',
  );
});

test('rows must come out as JSON, or as a template has them', () => {
  assert.equal(renderList({ format: 'json', headers }, [numbers.value(4)]), '{"Half":"2","Name":"n4"}\n');
  assert.equal(renderList({ format: '{{.Name}}\\t{{.Half}}', headers }, [2, 4].map(numbers.value)), 'n2\t1\nn4\t2\n');
  assert.throws(
    () => renderList({ format: '{{.None}}', headers }, [numbers.value(1)]),
    /template parsing error: template: :1:2: executing "" at <\.None>: can't evaluate field None in type \*formatter\.numberContext/,
  );
});
