/** The bodies of exec create and exec start: Go's `container.ExecOptions` and `container.ExecStartOptions`. */
import type { JsonDocument } from '#base/json-document.ts';
import { fail } from '#base/errors/failure.ts';
import type { ExecRequest } from '#schema/container-config.ts';
import { flag, list, pair, struct, text, uint64, whenGiven } from '#base/json-shape.ts';
import { decode } from './decode.ts';

export interface ExecStartRequest {
  readonly Detach: boolean;
  readonly Tty: boolean;
  readonly ConsoleSize?: [height: number, width: number];
}

const execRequest = struct<ExecRequest>('container.ExecOptions', {
  User: text(),
  Privileged: flag,
  Tty: flag,
  ConsoleSize: whenGiven(pair(uint64('uint'))),
  AttachStdin: flag,
  AttachStderr: flag,
  AttachStdout: flag,
  DetachKeys: text(),
  Env: list(text()),
  WorkingDir: text(),
  Cmd: list(text()),
});

const execStartRequest = struct<ExecStartRequest>('container.ExecStartOptions', {
  Detach: flag,
  Tty: flag,
  ConsoleSize: whenGiven(pair(uint64('uint'))),
});

/** @param document null for an absent body. @throws api.invalid_json, api.no_exec_command */
export function decodeExecRequest(document: JsonDocument): ExecRequest {
  const request = decode(execRequest, document, 'ExecOptions');
  if (request.Cmd === null || request.Cmd.length === 0) throw fail('api.no_exec_command');
  return request;
}

/** @param document null for an absent body. @throws api.invalid_json */
export function decodeExecStartRequest(document: JsonDocument): ExecStartRequest {
  return decode(execStartRequest, document, 'ExecStartOptions');
}
