/** Labels and variables that go with each message, and tags made from templates, as Docker's drivers have them. */
import { hostname } from 'node:os';
import { isFailure, messageOf } from '#base/errors/failure.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { mapOf, named, pointerTo, sliceOf, stringType, structOf, type GoMethod } from '#base/template/go-type.ts';
import { goString, type GoValue } from '#base/template/go-value.ts';
import { Template } from '#base/template/template.ts';
import type { LogInfo } from './log-driver.ts';
import { refuse } from './refuse.ts';

/** `key=value` pairs by `labels`, `labels-regex`, `env` and `env-regex`. @throws logging.driver_refused for a pattern that is none */
export function extraAttributes(info: LogInfo, rename: (key: string) => string = (key) => key): Record<string, string> {
  const found: Record<string, string> = {};
  const variables: Record<string, string> = {};
  for (const entry of info.env) {
    const place = entry.indexOf('=');
    if (place !== -1) variables[entry.slice(0, place)] = entry.slice(place + 1);
  }
  const collect = (names: string | undefined, pattern: string | undefined, from: Readonly<Record<string, string>>): void => {
    for (const name of (names ?? '').split(',')) {
      if (Object.hasOwn(from, name)) found[rename(name)] = from[name] ?? '';
    }
    if (pattern === undefined || pattern === '') return;
    const expression = expressionOf(pattern);
    for (const [name, value] of Object.entries(from)) if (expression.test(name)) found[rename(name)] = value;
  };
  collect(info.options['labels'], info.options['labels-regex'], info.labels);
  collect(info.options['env'], info.options['env-regex'], variables);
  return Object.fromEntries(Object.entries(found).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern);
  } catch {
    const reason = /^[^)]*\([^)]*$/.test(pattern) ? 'missing closing )' : 'invalid or unsupported syntax';
    throw refuse(`error parsing regexp: ${reason}: \`${pattern}\``);
  }
}

const strings = sliceOf(stringType);
const texts = mapOf(stringType, stringType);
const timeType = structOf('time.Time', []);

/** @param standard what holds where no tag is asked for. @throws logging.driver_refused with the template's own error */
export function tagOf(info: LogInfo, standard = '{{.ID}}'): string {
  const template = info.options['tag'] === undefined || info.options['tag'] === '' ? standard : info.options['tag'];
  if (template === '') return '';
  try {
    return new Template('log-tag', template, dockerFunctions).execute(pointerToInfo(info));
  } catch (error) {
    if (isFailure(error, 'template.syntax') || isFailure(error, 'template.execution')) throw refuse(messageOf(error));
    throw error;
  }
}

/** Docker's `logger.Info`, as tags see it. */
function pointerToInfo(info: LogInfo): GoValue {
  const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);
  const method = (text: string): GoMethod => ({ parameters: [], variadic: false, result: stringType, call: () => goString(text) });
  const methods = {
    ID: method(short(info.containerId)),
    FullID: method(info.containerId),
    Name: method(info.containerName.replace(/^\//, '')),
    ImageID: method(short(info.imageId)),
    ImageFullID: method(info.imageId),
    ImageName: method(info.imageName),
    Command: method(commandOf(info)),
    Hostname: method(hostname()),
  };
  const type = named('logger.Info', structOf('logger.Info', [
    ['Config', texts], ['ContainerID', stringType], ['ContainerName', stringType], ['ContainerEntrypoint', stringType],
    ['ContainerArgs', strings], ['ContainerImageID', stringType], ['ContainerImageName', stringType], ['ContainerCreated', timeType],
    ['ContainerEnv', strings], ['ContainerLabels', texts], ['LogPath', stringType], ['DaemonName', stringType],
  ]), methods);
  const list = (values: readonly string[]): GoValue => ({ type: strings, data: values.map(goString) });
  const map = (values: Readonly<Record<string, string>>): GoValue => ({ type: texts, data: new Map(Object.entries(values).map(([key, value]) => [key, goString(value)])) });
  const struct: GoValue = {
    type,
    data: [
      map(info.options), goString(info.containerId), goString(info.containerName), goString(info.path), list(info.args), goString(info.imageId),
      goString(info.imageName), { type: timeType, data: [] }, list(info.env), map(info.labels), goString(''), goString('docker'),
    ],
  };
  return { type: pointerTo(type), data: struct };
}

export function commandOf(info: LogInfo): string {
  return [info.path, ...info.args].join(' ');
}
