/** `version`: of this program and of the daemon. */
import { noArguments } from '#cli/argument-rule.ts';
import { CommandFailure } from '#cli/command-failure.ts';
import { defineCommand } from '#cli/command.ts';
import { textFlag } from '#cli/flags/scalar-flags.ts';
import { alignColumns } from '#cli/format/align-columns.ts';
import { buildTimeText, clientVersionMembers } from '#cli/format/client-version.ts';
import { inspectFormatText } from '#cli/format/format-texts.ts';
import { readDocument } from '#cli/format/inspect-objects.ts';
import { componentType, detailNames, versionInfoType } from '#cli/format/types/system-types.ts';
import { isFailure } from '#base/errors/failure.ts';
import { parseJsonDocument, type JsonDocument, type JsonObject } from '#base/json-document.ts';
import { dockerFunctions } from '#base/template/docker-functions.ts';
import { decodeJson } from '#base/template/go-json.ts';
import { bytesOfText } from '#base/template/go-text.ts';
import { sliceOf, stringType } from '#base/template/go-type.ts';
import { elementsOf, goStrings } from '#base/template/go-value.ts';
import { functionFrom, present, type TemplateFunctions } from '#base/template/template-function.ts';
import { Template } from '#base/template/template.ts';

const defaultFormat = `{{with .Client -}}
Client:{{if ne .Platform nil}}{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}{{end}}
 Version:	{{.Version}}
 API version:	{{.APIVersion}}{{if ne .APIVersion .DefaultAPIVersion}} (downgraded from {{.DefaultAPIVersion}}){{end}}
 Go version:	{{.GoVersion}}
 Git commit:	{{.GitCommit}}
 Built:	{{.BuildTime}}
 OS/Arch:	{{.Os}}/{{.Arch}}
 Context:	{{.Context}}
{{- end}}
{{- with .Server}}

Server:{{if ne .Platform.Name ""}} {{.Platform.Name}}{{end}}
{{- range .Components}}
 {{.Name}}:
  Version:	{{.Version}}
{{- if eq .Name "Engine"}}
  API version:	{{index .Details "ApiVersion"}} (minimum version {{index .Details "MinAPIVersion"}})
  Go version:	{{index .Details "GoVersion"}}
  Git commit:	{{index .Details "GitCommit"}}
  Built:	{{index .Details "BuildTime"}}
  OS/Arch:	{{index .Details "Os"}}/{{index .Details "Arch"}}
  Experimental:	{{index .Details "Experimental"}}
{{- else}}
{{- $details := .Details}}
{{- range getDetailsOrder .}}
  {{.}}:	{{index $details .}}
{{- end}}
{{- end}}
{{- end}}
{{- end}}`;

const names = sliceOf(stringType);
const functions: TemplateFunctions = new Map([
  ...dockerFunctions,
  ['getDetailsOrder', functionFrom([componentType], names, ([component]) => {
    const details = elementsOf(present(component))[2];
    return goStrings(names, details === undefined ? [] : detailNames(details));
  })],
]);

function isObject(document: JsonDocument | undefined): document is JsonObject {
  return document instanceof Map;
}

/** The engine among the server's components, its build time in words; made up of the old members where it is not listed. */
function withEngine(server: JsonObject): JsonObject {
  const listed = server.get('Components');
  const components = Array.isArray(listed) ? (listed as readonly JsonDocument[]) : [];
  const isEngine = (component: JsonDocument): boolean => isObject(component) && component.get('Name') === 'Engine';
  if (!components.some(isEngine)) {
    const member = (name: string): readonly [string, JsonDocument] => [name === 'APIVersion' ? 'ApiVersion' : name, server.get(name) ?? ''];
    const details = new Map([
      ...['ApiVersion', 'MinAPIVersion', 'GitCommit', 'GoVersion', 'Os', 'Arch'].map(member),
      ['BuildTime', buildTimeText(String(server.get('BuildTime') ?? ''))],
      ['Experimental', String(server.get('Experimental') ?? false)],
    ]);
    const engine = new Map<string, JsonDocument>([['Name', 'Engine'], ['Version', server.get('Version') ?? ''], ['Details', details]]);
    return new Map([...server, ['Components', [...components, engine]]]);
  }
  const shown = components.map((component) => {
    const details = isObject(component) ? component.get('Details') : undefined;
    if (!isObject(component) || !isEngine(component) || !isObject(details)) return component;
    const built = details.get('BuildTime');
    return typeof built === 'string' ? new Map([...component, ['Details', new Map([...details, ['BuildTime', buildTimeText(built)]])]]) : component;
  });
  return new Map([...server, ['Components', shown]]);
}

export const command = defineCommand({
  usage: 'version [OPTIONS]',
  positional: noArguments,
  flags: { format: textFlag({ short: 'f', text: inspectFormatText }) },
  async run({ client, context, flags, stdout, signal }) {
    let template: Template;
    try {
      template = new Template('version', flags.format === '' ? defaultFormat : flags.format === 'json' ? '{{json .}}' : flags.format, functions);
    } catch (error) {
      if (!isFailure(error, 'template.syntax')) throw error;
      throw new CommandFailure(`template parsing error: ${error.message}`, 64, error);
    }
    let server: JsonDocument = null;
    let failure: unknown;
    try {
      const document = parseJsonDocument(await readDocument(client.transport, '/version', {}, signal));
      if (isObject(document)) server = withEngine(document);
    } catch (error) {
      // What there is to tell of this program is told all the same.
      failure = error;
    }
    const own = new Map([...clientVersionMembers(context()), ['ApiVersion', client.transport.version]]);
    const parts: string[] = [];
    try {
      template.executeTo((part) => parts.push(part), decodeJson(versionInfoType, new Map<string, JsonDocument>([['Client', own], ['Server', server]])));
    } catch (error) {
      failure ??= error;
    }
    stdout.write(bytesOfText(alignColumns(`${parts.join('')}\n`, { minimumWidth: 20, padding: 1 })));
    if (failure !== undefined) throw failure;
    return 0;
  },
});
