import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeCreateRequest } from './create-request.ts';
import { decodeExecRequest, decodeExecStartRequest } from './exec-request.ts';
import { parseJson } from './parse-json.ts';

const decodeText = (text: string) => decodeCreateRequest(parseJson(text));

/** Bodies and what Docker 28.5 answered to them, behind `invalid JSON: json: cannot unmarshal `. */
const mismatches: readonly (readonly [string, string])[] = [
  ['{"Image":5}', 'number into Go struct field .Image of type string'],
  ['{"Image":{}}', 'object into Go struct field .Image of type string'],
  ['{"Cmd":5}', 'number into Go value of type string'],
  ['{"Cmd":[5]}', 'array into Go value of type string'],
  ['{"Entrypoint":["a",{}]}', 'array into Go value of type string'],
  ['{"Env":"x"}', 'string into Go struct field .Env of type []string'],
  ['{"Env":[1]}', 'number into .Env.0 of type string'],
  ['{"Labels":{"a":1}}', 'number into Go struct field .Labels.a of type string'],
  ['{"ExposedPorts":{"80/tcp":5}}', 'number into Go struct field .ExposedPorts.80~1tcp of type struct {}'],
  ['{"ExposedPorts":["80"]}', 'array into Go struct field .ExposedPorts of type nat.PortSet'],
  ['{"AttachStdin":1}', 'number into Go struct field .AttachStdin of type bool'],
  ['{"HostConfig":[]}', 'array into Go struct field .HostConfig of type container.HostConfig'],
  ['{"HostConfig":{"Memory":"x"}}', 'string into Go struct field .HostConfig.Memory of type int64'],
  ['{"HostConfig":{"Memory":1.5}}', 'number 1.5 into Go struct field .HostConfig.Memory of type int64'],
  ['{"HostConfig":{"Memory":1e3}}', 'number 1e3 into Go struct field .HostConfig.Memory of type int64'],
  ['{"HostConfig":{"Memory":99999999999999999999}}', 'number 99999999999999999999 into Go struct field .HostConfig.Memory of type int64'],
  ['{"HostConfig":{"NetworkMode":5}}', 'number into Go struct field .HostConfig.NetworkMode of type container.NetworkMode'],
  ['{"HostConfig":{"PortBindings":{"80/tcp":5}}}', 'number into Go struct field .HostConfig.PortBindings.80~1tcp of type []nat.PortBinding'],
  ['{"HostConfig":{"PortBindings":{"80/tcp":[5]}}}', 'number into .HostConfig.PortBindings.80~1tcp.0 of type nat.PortBinding'],
  ['{"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":80}]}}}', 'number into Go struct field .HostConfig.PortBindings.80~1tcp.0.HostPort of type string'],
  ['{"HostConfig":{"RestartPolicy":{"Name":5}}}', 'number into Go struct field .HostConfig.RestartPolicy.Name of type container.RestartPolicyMode'],
  ['{"HostConfig":{"ConsoleSize":["a",2]}}', 'string into .HostConfig.ConsoleSize.0 of type uint'],
  ['{"HostConfig":{"ConsoleSize":[-1,2]}}', 'number -1 into .HostConfig.ConsoleSize.0 of type uint'],
  ['{"HostConfig":{"ConsoleSize":5}}', 'number into Go struct field .HostConfig.ConsoleSize of type [2]uint'],
  ['{"HostConfig":{"BlkioWeight":70000}}', 'number 70000 into Go struct field .HostConfig.BlkioWeight of type uint16'],
  ['{"HostConfig":{"Ulimits":5}}', 'number into Go struct field .HostConfig.Ulimits of type []*units.Ulimit'],
  ['{"HostConfig":{"Ulimits":[{"Soft":"x"}]}}', 'string into Go struct field .HostConfig.Ulimits.0.Soft of type int64'],
  ['{"HostConfig":{"Mounts":[5]}}', 'number into .HostConfig.Mounts.0 of type mount.Mount'],
  ['{"HostConfig":{"Mounts":[{"BindOptions":{"Propagation":5}}]}}', 'number into Go struct field .HostConfig.Mounts.0.BindOptions.Propagation of type mount.Propagation'],
  ['{"HostConfig":{"Mounts":[{"TmpfsOptions":{"Mode":-1}}]}}', 'number -1 into Go struct field .HostConfig.Mounts.0.TmpfsOptions.Mode of type fs.FileMode'],
  ['{"HostConfig":{"Init":"x"}}', 'string into Go struct field .HostConfig.Init of type bool'],
  ['{"HostConfig":{"DeviceRequests":[{"Capabilities":[5]}]}}', 'number into .HostConfig.DeviceRequests.0.Capabilities.0 of type []string'],
  ['{"HostConfig":{"CapAdd":[5]}}', 'array into Go value of type string'],
  ['{"Healthcheck":{"Interval":"1s"}}', 'string into Go struct field .Healthcheck.Interval of type time.Duration'],
  ['{"StopTimeout":"x"}', 'string into Go struct field .StopTimeout of type int'],
  ['{"NetworkingConfig":{"EndpointsConfig":{"x":5}}}', 'number into Go struct field .NetworkingConfig.EndpointsConfig.x of type network.EndpointSettings'],
  ['{"NetworkingConfig":{"EndpointsConfig":[]}}', 'array into Go struct field .NetworkingConfig.EndpointsConfig of type map[string]*network.EndpointSettings'],
  ['5', 'number into Go value of type container.CreateRequest'],
  ['{"Image":5,"Cmd":7}', 'number into Go struct field .Image of type string'],
];

for (const [body, rest] of mismatches) {
  test(`create must refuse ${body} in Docker's words`, () => {
    assert.throws(() => decodeText(body), { message: `invalid JSON: json: cannot unmarshal ${rest}` });
  });
}

test('exec bodies must name their struct in what is wrong with them', () => {
  assert.throws(() => decodeExecRequest(parseJson('{"Cmd":5}')), { message: 'invalid JSON: json: cannot unmarshal number into Go struct field ExecOptions.Cmd of type []string' });
  assert.throws(() => decodeExecRequest(parseJson('{"Env":[1]}')), { message: 'invalid JSON: json: cannot unmarshal number into ExecOptions.Env.0 of type string' });
  assert.throws(() => decodeExecStartRequest(parseJson('{"Tty":5}')), { message: 'invalid JSON: json: cannot unmarshal number into Go struct field ExecStartOptions.Tty of type bool' });
  assert.throws(() => decodeExecStartRequest(parseJson('5')), { message: 'invalid JSON: json: cannot unmarshal number into Go value of type container.ExecStartOptions' });
});

test('create without any field of the configuration must be refused as empty', () => {
  for (const body of ['{}', 'null', '{"a":1}', '{"HostConfig":{}}']) assert.throws(() => decodeText(body), { message: 'config cannot be empty in order to create a container' });
});

test('an exec without command must be refused, also without a body', () => {
  for (const body of ['null', '{}', '{"Cmd":[]}']) assert.throws(() => decodeExecRequest(parseJson(body)), { message: 'No exec command specified' });
});

test('keys must match in any case, and the last of them count', () => {
  assert.equal(decodeText('{"IMAGE":"a","image":"b"}').Image, 'b');
  assert.equal(decodeText('{"image":"b","Image":"a"}').Image, 'a');
});

test('what is absent or null must have Go’s zero value', () => {
  const request = decodeText('{"Image":null,"Cmd":null,"HostConfig":{"Memory":null,"Ulimits":null}}');
  assert.equal(request.Image, '');
  assert.equal(request.Cmd, null);
  assert.equal(request.Tty, false);
  assert.deepEqual(request.Labels, {});
  assert.equal('StopTimeout' in request, false);
  assert.equal(request.HostConfig.Memory, 0);
  assert.equal(request.HostConfig.Ulimits, null);
  assert.equal(request.HostConfig.PidsLimit, null);
  assert.deepEqual(request.HostConfig.ConsoleSize, [0, 0]);
  assert.deepEqual(request.HostConfig.RestartPolicy, { Name: '', MaximumRetryCount: 0 });
  assert.deepEqual(request.NetworkingConfig, { EndpointsConfig: null });
});

test('pointers must keep zero values that were given, other optional fields not', () => {
  const request = decodeText('{"Image":"x","StopTimeout":0,"StopSignal":"","HostConfig":{"Init":false,"Annotations":{}}}');
  assert.equal(request.StopTimeout, 0);
  assert.equal('StopSignal' in request, false);
  assert.equal(request.HostConfig.Init, false);
  assert.equal('Annotations' in request.HostConfig, false);
});

test('a string must do for a list where Docker lets it', () => {
  const request = decodeText('{"Image":"x","Cmd":"a b","Entrypoint":["c",null],"HostConfig":{"CapAdd":"ALL"}}');
  assert.deepEqual(request.Cmd, ['a b']);
  assert.deepEqual(request.Entrypoint, ['c', '']);
  assert.deepEqual(request.HostConfig.CapAdd, ['ALL']);
});

test('an array of two must be filled up or cut', () => {
  assert.deepEqual(decodeText('{"Image":"x","HostConfig":{"ConsoleSize":[5]}}').HostConfig.ConsoleSize, [5, 0]);
  assert.deepEqual(decodeText('{"Image":"x","HostConfig":{"ConsoleSize":[1,2,3]}}').HostConfig.ConsoleSize, [1, 2]);
});

test('a label called __proto__ must be a label', () => {
  assert.deepEqual(Object.entries(decodeText('{"Image":"x","Labels":{"__proto__":"y"}}').Labels), [['__proto__', 'y']]);
});
