/** `info` and `system info`. */
import { ApiError } from '#client/client-error.ts';
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand, type Invocation } from '#cli/command.ts';
import { errorText } from '#cli/error-text.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { clientVersionMembers } from '#cli/format/client-version.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { serverInfoText, type ServerInfo } from '#cli/format/info-text.ts';
import { readDocument } from '#cli/format/inspect-objects.ts';
import { dockerVersion } from '#cli/version.ts';
import { isFailure } from '#base/errors/failure.ts';
import { parseJsonDocument, type JsonDocument, type JsonObject } from '#base/json-document.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { decodeJson } from '#base/template/go-json.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import { Template } from '#base/template/template.ts';

/** The key under which the credentials of Docker Hub are kept. */
const hubKey = 'https://index.docker.io/v1/';

export const command = defineCommand({
  usage: 'info [OPTIONS]',
  positional: noArguments,
  flags: { format: textFlag({ short: 'f', text: inspectFormatText }) },
  async run(invocation) {
    const { format } = invocation.flags;
    return format === '' ? await showText(invocation) : await showFormat(invocation, format === 'json' ? '{{json .}}' : format);
  },
});

async function showText({ client, context, configuration, environment, stdout, stderr, signal }: Invocation<object>): Promise<number> {
  const debug = (environment['DEBUG'] ?? '') !== '';
  let info: ServerInfo | undefined;
  let failure: unknown;
  const serverErrors: string[] = [];
  try {
    info = await client.transport.json<ServerInfo>({ method: 'GET', path: '/info', signal });
  } catch (error) {
    if (error instanceof ApiError) serverErrors.push(errorText(error));
    else failure = error;
  }
  stdout.write(`Client:\n Version:    ${dockerVersion}\n Context:    ${context()}\n Debug Mode: ${debug}\n\nServer:\n`);
  if (info !== undefined) {
    const userName = configuration.file.auths?.[hubKey]?.username ?? '';
    stdout.write(serverInfoText(info, { debug, userName }));
    for (const warning of info.Warnings ?? []) stderr.writeLine(warning);
  }
  for (const text of serverErrors) stderr.writeLine(`ERROR: ${text}`);
  if (serverErrors.length > 0) throw new CommandFailure('errors pretty printing info');
  if (failure !== undefined) throw failure;
  return 0;
}

async function showFormat({ client, context, environment, stdout, stderr, signal }: Invocation<object>, format: string): Promise<number> {
  const { infoType } = await import('#cli/format/types/system-types.ts');
  const debug = (environment['DEBUG'] ?? '') !== '';
  const own = new Map<string, JsonDocument>([['Debug', debug], ...clientVersionMembers(context()), ['Plugins', []]]);
  // The members of the server's part stand beside the client's; one of them makes the part be there at all.
  let server: JsonObject = new Map([['ID', '']]);
  let failure: unknown;
  if (await needsServer(format, own)) {
    try {
      const document = parseJsonDocument(await readDocument(client.transport, '/info', {}, signal));
      if (document instanceof Map) server = document;
    } catch (error) {
      if (error instanceof ApiError) stderr.writeLine(errorText(error));
      else failure = error;
    }
  }
  const parts: string[] = [];
  try {
    const template = new Template('', format, dockerFunctions);
    template.executeTo((part) => parts.push(part), decodeJson(infoType, new Map([...server, ['ClientInfo', own]])));
  } catch (error) {
    if (isFailure(error, 'template.syntax')) throw new CommandFailure(`template parsing error: ${error.message}`, 64, error);
    if (!isFailure(error, 'template.execution')) throw error;
    failure ??= error;
  }
  stdout.write(bytesOfText(`${parts.join('')}\n`));
  if (failure !== undefined) throw failure;
  return 0;
}

/** Whether a format asks for more than this program knows by itself. */
async function needsServer(format: string, own: JsonObject): Promise<boolean> {
  if (format === '{{json .}}' || !/\.[a-zA-Z]/.test(format)) return true;
  const { clientOnlyInfoType } = await import('#cli/format/types/system-types.ts');
  try {
    new Template('', format, dockerFunctions).execute(decodeJson(clientOnlyInfoType, new Map([['ClientInfo', own]])));
    return false;
  } catch (error) {
    if (!isFailure(error, 'template.syntax') && !isFailure(error, 'template.execution')) throw error;
    return true;
  }
}
