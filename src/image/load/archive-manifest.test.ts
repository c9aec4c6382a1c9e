import assert from 'node:assert/strict';
import test from 'node:test';
import { parseArchiveManifest } from './archive-manifest.ts';

test('a manifest of images must be read as Go reads it', () => {
  assert.deepEqual(parseArchiveManifest('[] x'), []);
  assert.deepEqual(parseArchiveManifest('[null,{"config":"c","Layers":["a",null],"Parent":""}]'), [
    { config: '', names: [], layers: [] },
    { config: 'c', names: [], layers: [{ name: 'a' }, { name: '' }] },
  ]);
});

test('a manifest of images that is none must be refused in the words of Docker 28.5', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['{', 'unexpected EOF'],
    ['', 'EOF'],
    ['null', 'invalid manifest, manifest cannot be null (but can be [])'],
    ['{}', 'json: cannot unmarshal object into Go value of type []tarexport.manifestItem'],
    ['[1]', 'json: cannot unmarshal number into .0 of type tarexport.manifestItem'],
    ['[{},{"Config":1}]', 'json: cannot unmarshal number into Go struct field .1.Config of type string'],
    ['[{"RepoTags":"x"}]', 'json: cannot unmarshal string into Go struct field .0.RepoTags of type []string'],
    ['[{"Layers":{}}]', 'json: cannot unmarshal object into Go struct field .0.Layers of type []string'],
    ['[{"Layers":[5]}]', 'json: cannot unmarshal number into .0.Layers.0 of type string'],
    ['[{"RepoTags":[{}]}]', 'json: cannot unmarshal object into .0.RepoTags.0 of type string'],
    ['[{"LayerSources":5}]', 'json: cannot unmarshal number into Go struct field .0.LayerSources of type map[layer.DiffID]distribution.Descriptor'],
    ['[{"LayerSources":{"a":5}}]', 'json: cannot unmarshal number into Go struct field .0.LayerSources.a of type distribution.Descriptor'],
    ['[{"LayerSources":{"sha256:aa":{"size":"x"}}}]', 'json: cannot unmarshal string into Go struct field .0.LayerSources.sha256:aa.size of type int64'],
  ];
  for (const [text, message] of refused) assert.throws(() => parseArchiveManifest(text), { code: 'image.invalid_archive', message }, text);
});
