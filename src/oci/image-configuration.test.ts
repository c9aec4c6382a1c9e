import assert from 'node:assert/strict';
import test from 'node:test';
import { parseImageConfiguration } from './image-configuration.ts';

const cannot = (rest: string): string => `json: cannot unmarshal ${rest}`;
const layout = '2006-01-02T15:04:05Z07:00';

/** Configurations and what Docker 28.5 answers to them when they are loaded. */
const refused: readonly (readonly [string, string])[] = [
  ['5', cannot('number into Go value of type image.Image')],
  ['[]', cannot('array into Go value of type image.Image')],
  ['null', 'invalid image JSON, no RootFS key'],
  ['{"rootfs":null}', 'invalid image JSON, no RootFS key'],
  ['tru', 'unexpected end of JSON input'],
  ['{"a":1} x', "invalid character 'x' after top-level value"],
  ['{"architecture":5}', cannot('number into Go struct field Image.architecture of type string')],
  ['{"parent":5}', cannot('number into Go struct field Image.parent of type image.ID')],
  ['{"size":"x"}', cannot('string into Go struct field Image.size of type int64')],
  ['{"created":5}', cannot('number into Go struct field Image.created of type time.Time')],
  ['{"created":"x"}', `parsing time "x" as "${layout}": cannot parse "x" as "2006"`],
  ['{"created":"2024-01-01T00:00:00"}', `parsing time "2024-01-01T00:00:00" as "${layout}": cannot parse "" as "Z07:00"`],
  ['{"created":"2024-13-01T00:00:00Z"}', 'parsing time "2024-13-01T00:00:00Z": month out of range'],
  ['{"created":"2024-02-30T00:00:00Z"}', 'parsing time "2024-02-30T00:00:00Z": day out of range'],
  ['{"created":"2023-02-29T00:00:00Z"}', 'parsing time "2023-02-29T00:00:00Z": day out of range'],
  ['{"created":"2024-01-01T00:00:00+99:00"}', 'parsing time "2024-01-01T00:00:00+99:00": time zone offset hour out of range'],
  ['{"config":"x"}', cannot('string into Go struct field Image.config of type container.Config')],
  ['{"config":{"Env":"x"}}', cannot('string into Go struct field Image.config.Env of type []string')],
  ['{"config":{"Env":[5]}}', cannot('number into Image.config.Env.0 of type string')],
  ['{"config":{"Cmd":5}}', cannot('number into Go value of type string')],
  ['{"config":{"Shell":5}}', cannot('number into Go value of type string')],
  ['{"config":{"Labels":{"a":5}}}', cannot('number into Go struct field Image.config.Labels.a of type string')],
  ['{"config":{"ExposedPorts":{"80/tcp":5}}}', cannot('number into Go struct field Image.config.ExposedPorts.80~1tcp of type struct {}')],
  ['{"config":{"StopTimeout":1.5}}', cannot('number 1.5 into Go struct field Image.config.StopTimeout of type int')],
  ['{"config":{"Hostname":5}}', cannot('number into Go struct field Image.config.Hostname of type string')],
  ['{"config":{"Healthcheck":{"Interval":"1s"}}}', cannot('string into Go struct field Image.config.Healthcheck.Interval of type time.Duration')],
  ['{"container_config":5}', cannot('number into Go struct field Image.container_config of type container.Config')],
  ['{"rootfs":{"diff_ids":[5]}}', cannot('number into Image.rootfs.diff_ids.0 of type layer.DiffID')],
  ['{"history":{}}', cannot('object into Go struct field Image.history of type []v1.History')],
  ['{"history":[5]}', cannot('number into Image.history.0 of type v1.History')],
  ['{"history":[{"empty_layer":"x"}]}', cannot('string into Go struct field Image.history.0.empty_layer of type bool')],
];

for (const [source, message] of refused) {
  test(`the configuration ${source} must be refused in Docker's words`, () => {
    assert.throws(() => parseImageConfiguration(source), { message });
  });
}

test('a configuration must be read as Go reads it: null is nothing, names in whatever case, a command as one word', () => {
  const read = parseImageConfiguration('{"RootFS":{"type":"layers"},"created":null,"history":[null],"config":{"Env":[null],"Labels":{"b":null,"a":"1"},"shell":"/bin/x","Tty":true,"Healthcheck":{}}}');
  assert.equal(read.created, undefined);
  assert.deepEqual(read.history, [{ createdBy: '', comment: '', author: '', emptyLayer: false }]);
  assert.deepEqual(read.config, { User: '', Env: [''], Entrypoint: null, Cmd: null, Volumes: null, WorkingDir: '', Labels: { a: '1', b: '' }, OnBuild: null, Shell: ['/bin/x'], Healthcheck: {} });
});
