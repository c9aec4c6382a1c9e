/** What a build says about what it made: where it came from (SLSA provenance 0.2 and 1), and what others found in it. */
import { parseCsvRecord } from '#base/csv-record.ts';
import { fail } from '#base/errors/failure.ts';
import { parseGoBoolean } from '#base/go-boolean.ts';
import { formatPlatform, hostPlatform } from '#oci/platform.ts';
import { parseReference } from '#oci/reference.ts';
import type { SolvedImage } from '../solve-build.ts';
import { packageUrl } from './pack-images.ts';

export interface Attestation {
  /** Of its statement beside files. */
  readonly fileName: string;
  readonly predicateType: string;
  readonly predicate: object;
}

export interface ProvenanceRequest {
  readonly mode: 'min' | 'max';
  readonly version: 'v0.2' | 'v1';
  readonly builder: string;
  readonly reproducible: boolean;
  /** The client added it by itself: outputs that are no archives leave it out. */
  readonly implied: boolean;
}

/** What a build was. */
export interface BuildFacts {
  readonly ref: string;
  /** RFC 3339. */
  readonly started: string;
  readonly finished: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Names of the client's directories. */
  readonly directories: readonly string[];
  /** The Dockerfile; undefined where it is not to be told. */
  readonly dockerfile: { readonly name: string; readonly text: string } | undefined;
}

const provenanceFile = 'provenance.json';
export const buildType = 'https://mobyproject.org/buildkit@v1';
const types = { 'v0.2': 'https://slsa.dev/provenance/v0.2', v1: 'https://slsa.dev/provenance/v1' } as const;
const buildTypeV1 = 'https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md';

/** Of the attribute `attest:provenance`; undefined: none is asked for. @throws build.solve_failed */
export function readProvenance(attributes: Readonly<Record<string, string>>): ProvenanceRequest | undefined {
  const text = attributes['attest:provenance'];
  if (text === undefined) return undefined;
  const values = valuesOf(text);
  if (isTrue(values.get('disabled'))) return undefined;
  const mode = values.get('mode') ?? 'min';
  // What BuildKit calls min has had other names, too.
  if (!['min', 'minimal', 'max', 'full', ''].includes(mode)) throw fail('build.solve_failed', { message: `failed to parse provenance attestation: invalid mode ${JSON.stringify(mode)}` });
  const version = values.get('version') ?? 'v0.2';
  if (version !== 'v0.2' && version !== 'v1') throw fail('build.solve_failed', { message: `unsupported provenance version ${JSON.stringify(version)}` });
  return { mode: mode === 'max' || mode === 'full' ? 'max' : 'min', version, builder: values.get('builder-id') ?? '', reproducible: isTrue(values.get('reproducible')), implied: isTrue(values.get('inline-only')) };
}

/** Of the attribute `attest:sbom`: the image that finds what an image is made of; undefined: none is asked for. */
export function readGenerator(attributes: Readonly<Record<string, string>>): string | undefined {
  const text = attributes['attest:sbom'];
  if (text === undefined) return undefined;
  const values = valuesOf(text);
  if (isTrue(values.get('disabled'))) return undefined;
  return values.get('generator') ?? 'docker/buildkit-syft-scanner:stable-1';
}

export function provenanceOf({ materials, platform }: SolvedImage, request: ProvenanceRequest, facts: BuildFacts): Attestation {
  const { arguments: given, complete } = argumentsOf(facts.attributes, request.mode);
  const parameters = {
    frontend: 'dockerfile.v0',
    ...(Object.keys(given).length === 0 ? {} : { args: given }),
    ...(facts.directories.length === 0 ? {} : { locals: facts.directories.map((name) => ({ name })) }),
  };
  const entryPoint = facts.attributes['filename'] ?? 'Dockerfile';
  const resolved = materials.map(({ reference, digest }) => ({ uri: packageUrl(parseReference(reference), formatPlatform(platform)), digest: { sha256: digest.replace(/^sha256:/, '') } }));
  const source = facts.dockerfile === undefined || request.mode === 'min' ? {} : { source: { infos: [{ filename: facts.dockerfile.name, language: 'Dockerfile', data: Buffer.from(facts.dockerfile.text).toString('base64') }] } };
  const environment = { platform: formatPlatform(hostPlatform()) };
  const completeness = { parameters: complete, environment: true, materials: facts.directories.length === 0 };
  if (request.version === 'v1') {
    return {
      fileName: provenanceFile,
      predicateType: types.v1,
      predicate: {
        buildDefinition: { buildType: buildTypeV1, externalParameters: { configSource: { path: entryPoint }, request: parameters }, internalParameters: { builderPlatform: environment.platform }, resolvedDependencies: resolved },
        runDetails: {
          builder: { id: request.builder },
          metadata: { invocationId: facts.ref, startedOn: facts.started, finishedOn: facts.finished, buildkit_metadata: source, buildkit_reproducible: request.reproducible, buildkit_completeness: { request: complete, resolvedDependencies: completeness.materials } },
        },
      },
    };
  }
  return {
    fileName: provenanceFile,
    predicateType: types['v0.2'],
    predicate: {
      builder: { id: request.builder },
      buildType,
      materials: resolved,
      invocation: { configSource: { entryPoint }, parameters, environment },
      metadata: { buildInvocationID: facts.ref, buildStartedOn: facts.started, buildFinishedOn: facts.finished, completeness, reproducible: request.reproducible, [`${buildType}#metadata`]: source },
    },
  };
}

/** Not of the build: where it ran, and what attests it. */
const hostArguments: ReadonlySet<string> = new Set(['cgroup-parent', 'image-resolve-mode', 'platform', 'cache-imports', 'cache-from', 'filename', 'context', 'contextkey', 'dockerfilekey', 'entitlements', 'multi-platform', 'source', 'cmdline']);

function argumentsOf(attributes: Readonly<Record<string, string>>, mode: 'min' | 'max'): { arguments: Record<string, string>; complete: boolean } {
  let complete = true;
  const given = Object.entries(attributes).filter(([name]) => {
    if (hostArguments.has(name) || name.startsWith('attest:') || name.startsWith('local-sessionid:')) return false;
    if (mode === 'max' || !/^(?:build-arg|label):/.test(name)) return true;
    complete = false;
    return false;
  });
  return { arguments: Object.fromEntries(given.sort(([a], [b]) => (a < b ? -1 : 1))), complete };
}

function valuesOf(text: string): Map<string, string> {
  return new Map((text === '' ? [] : parseCsvRecord(text)).filter((field) => field !== '').map((field) => {
    const equals = field.indexOf('=');
    return equals < 0 ? [field.toLowerCase(), 'true'] : [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)];
  }));
}

function isTrue(text: string | undefined): boolean {
  return text !== undefined && parseGoBoolean(text) === true;
}
