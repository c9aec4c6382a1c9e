/** `--attest`, `--provenance` and `--sbom` as attributes of a build (docker buildx build). */
import { parseCsvRecord } from '#base/csv-record.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { CommandFailure } from '#cli/command-failure.ts';

/** @throws CommandFailure */
export function attestationAttributes({ attest, provenance, sbom }: { attest: readonly string[]; provenance: string; sbom: string }): Map<string, string> {
  const found = new Map<string, string>();
  const asked = [...attest, ...(provenance === '' ? [] : [shorthand('provenance', provenance)]), ...(sbom === '' ? [] : [shorthand('sbom', sbom)])];
  for (const text of asked) {
    const fields = parseCsvRecord(text);
    const type = fields.find((field) => field.startsWith('type='))?.slice('type='.length) ?? '';
    if (type === '') throw new CommandFailure('attestation type not specified');
    if (type !== 'provenance' && type !== 'sbom') throw new CommandFailure(`unknown attestation type ${JSON.stringify(type)}: provenance and sbom are known`);
    if (found.has(`attest:${type}`)) throw new CommandFailure(`duplicate attestation field ${type}`);
    const rest = fields.filter((field) => !field.startsWith('type='));
    found.set(`attest:${type}`, rest.join(','));
  }
  for (const [name, value] of found) if (value !== '' && parseCsvRecord(value).some((field) => /^disabled(?:=true)?$/.test(field))) found.delete(name);
  return found;
}

/** A boolean turns it on or off; anything else are its parameters. */
function shorthand(type: string, text: string): string {
  const on = parseGoBoolean(text);
  if (on === undefined) return `type=${type},${text}`;
  return on ? `type=${type}` : `type=${type},disabled=true`;
}
