/** `/images`: Engine API 1.51, with what older versions saw differently, and our own `POST /images/bootstrap`. */
import { isDigest } from '#oci/digest.ts';
import { parsePlatform, type Platform } from '#oci/platform.ts';
import { familiarName, familiarText, parseReference, repositoryOf, withDigest, withTag } from '#oci/reference.ts';
import { fail, isFailure } from '#base/errors/failure.ts';
import { zeroTimestamp } from '#base/timestamp.ts';
import type { ImageInspect, ImageSummary } from '#schema/image-views.ts';
import type { Call, Exchange } from '../exchange.ts';
import type { ApiVersion } from '../requests/api-version.ts';
import type { Query } from '../requests/query.ts';
import type { Route } from '../route-table.ts';
import { readOnePlatform, readPlatform } from '../requests/platform-parameter.ts';
import { sendProgress } from './progress.ts';
import { authorizationOf } from './registry-routes.ts';

export function imageRoutes(): readonly Route[] {
  return [
    { method: 'GET', path: '/images/json', handler: list },
    { method: 'GET', path: '/images/get', handler: saveMany },
    { method: 'GET', path: '/images/{name}/get', handler: saveOne },
    { method: 'GET', path: '/images/{name}/history', handler: history },
    { method: 'GET', path: '/images/{name}/json', handler: inspect },
    { method: 'POST', path: '/images/load', handler: load },
    { method: 'POST', path: '/images/create', handler: create },
    { method: 'POST', path: '/images/bootstrap', handler: bootstrap },
    { method: 'POST', path: '/images/prune', handler: prune },
    { method: 'POST', path: '/images/{name}/push', handler: push },
    { method: 'POST', path: '/images/{name}/tag', handler: tag },
    { method: 'DELETE', path: '/images/{name}', handler: remove },
  ];
}

async function list({ reply }: Exchange, { engine, query, version }: Call): Promise<void> {
  const filters = query.filters();
  const pattern = version.atLeast(41) ? '' : query.text('filter');
  const images = await engine.images.list({
    all: query.flag('all'),
    filters: pattern === '' ? filters : { ...filters, reference: [...(filters['reference'] ?? []), pattern] },
    sharedSize: version.atLeast(42) && query.flag('shared-size'),
  });
  reply.json(200, version.atLeast(51) ? images : images.map((image) => summaryFor(version, image)));
}

function summaryFor(version: ApiVersion, image: ImageSummary): object {
  const { RepoTags: tags, RepoDigests: digests } = image;
  const nameless = tags.length === 0 && digests.length === 0;
  return {
    ...image,
    Containers: -1,
    ...(!version.atLeast(43) && (nameless ? { RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] } : { RepoTags: nullIfEmpty(tags), RepoDigests: nullIfEmpty(digests) })),
    ...(!version.atLeast(44) && virtualSize(image)),
  };
}

function nullIfEmpty(list: readonly string[]): readonly string[] | null {
  return list.length === 0 ? null : list;
}

/** Left out where it is nothing. */
function virtualSize({ Size: size }: { readonly Size: number }): object {
  return size === 0 ? {} : { VirtualSize: size };
}

/** Fields of `Config` that show even where they are empty; sorted, as Go writes maps. */
const shownConfig = { Cmd: null, Entrypoint: null, Env: null, Labels: null, OnBuild: null, User: '', Volumes: null, WorkingDir: '' };
/** Until 1.49 these, meaningless for an image, showed too. */
const shownConfigBefore50 = {
  ...shownConfig, AttachStderr: false, AttachStdin: false, AttachStdout: false, Domainname: '', Hostname: '', Image: '', OpenStdin: false, StdinOnce: false, Tty: false,
};
/** The configuration of a container no image is made from any more; shown until 1.44. */
const emptyContainerConfig = {
  Hostname: '', Domainname: '', User: '', AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false, StdinOnce: false,
  Env: null, Cmd: null, Image: '', Volumes: null, WorkingDir: '', Entrypoint: null, OnBuild: null, Labels: null,
};

async function inspect({ reply }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  const platform = version.atLeast(49) ? platformOf(query) : undefined;
  if (platform !== undefined && version.atLeast(48) && query.flag('manifests')) {
    throw fail('api.invalid_parameter', { message: 'conflicting options: manifests and platform options cannot both be set' });
  }
  reply.json(200, inspectFor(version, await engine.images.inspect(name, { platform, origin: !version.atLeast(45) })), 'html');
}

/** The first of the parameters counts. */
function platformOf(query: Query): Platform | undefined {
  const text = query.text('platform');
  return text === '' ? undefined : readPlatform(text);
}

function inspectFor(version: ApiVersion, { Config: config, Container: container = '', ContainerConfig: containerConfig, ...image }: ImageInspect): object {
  const merged = { ...(version.atLeast(50) ? shownConfig : shownConfigBefore50), ...config };
  const sorted = Object.entries(merged).sort(([left], [right]) => (left < right ? -1 : 1));
  return {
    ...image,
    ...(image.Created === undefined && !version.atLeast(44) && { Created: zeroTimestamp }),
    ...(!version.atLeast(45) && { ...(container !== '' && { Container: container }), ContainerConfig: { ...emptyContainerConfig, ...containerConfig } }),
    ...(!version.atLeast(44) && virtualSize(image)),
    Config: Object.fromEntries(sorted),
  };
}

async function history({ reply }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  reply.json(200, await engine.images.history(name, version.atLeast(48) ? platformOf(query) : undefined));
}

async function tag({ reply }: Exchange, { engine, name, query }: Call): Promise<void> {
  const repository = query.text('repo');
  // Docker does nothing then, and says all is well.
  if (repository === '') return reply.empty(200);
  const target = parseReference(repository);
  if (target.digest !== undefined) throw fail('api.invalid_parameter', { message: 'cannot import digest reference' });
  const tagText = query.text('tag');
  if (tagText !== '') withTag(target, tagText);
  if (familiarName(target) === 'sha256') throw fail('api.invalid_parameter', { message: 'refusing to create an ambiguous tag using digest algorithm as name' });
  try {
    await engine.images.tag(name, repository, tagText);
  } catch (error) {
    // Docker takes a source that is no name for one that is not there.
    if (isFailure(error, 'image.invalid_reference')) throw fail('image.unreadable_source', { message: error.message }, error);
    throw error;
  }
  reply.empty(201);
}

async function remove({ reply }: Exchange, { engine, name, query, version }: Call): Promise<void> {
  if (name.trim() === '') throw fail('api.invalid_parameter', { message: 'image name cannot be blank' });
  const platforms = version.atLeast(50) ? query.texts('platforms').map(readPlatform) : [];
  if (platforms.length > 1) throw fail('api.invalid_parameter', { message: 'multiple platforms are not supported' });
  reply.json(200, await engine.images.remove(name, { force: query.flag('force'), prune: !query.flag('noprune'), ...(platforms[0] !== undefined && { platform: platforms[0] }) }));
}

async function prune({ reply }: Exchange, { engine, query }: Call): Promise<void> {
  reply.json(200, await engine.images.prune(query.filters()));
}

async function load(exchange: Exchange, { engine, query, version }: Call): Promise<void> {
  const platform = archivedPlatform(query, version);
  const messages = engine.images.load(exchange.request, { quiet: query.flag('quiet', true), platform, disposable: true, signal: exchange.signal });
  // Unlike the others, a load that fails at once is a stream with an error in it, too.
  await sendProgress(exchange, messages, { errorsInStream: true });
}

/** The platform that loading and saving are to keep to. */
function archivedPlatform(query: Query, version: ApiVersion): Platform | undefined {
  return version.atLeast(48) ? readOnePlatform(query.texts('platform'), 'multiple platform parameters not supported') : undefined;
}

async function create(exchange: Exchange, call: Call): Promise<void> {
  const { query, version } = call;
  const platform = version.atLeast(32) ? query.text('platform') : '';
  if (platform !== '') parsePlatform(platform);
  await (query.text('fromImage') === '' ? importArchive : pull)(exchange, call, platform);
}

async function pull(exchange: Exchange, { engine, query }: Call, platform: string): Promise<void> {
  // `pull -a` may send a name with a colon and nothing behind it.
  let reference = parseReference(query.text('fromImage').replace(/:$/, ''));
  const tagText = query.text('tag');
  if (tagText !== '') reference = isDigest(tagText) ? withDigest(repositoryOf(reference), tagText) : withTag(reference, tagText);
  const name = familiarName(reference);
  if (name === 'scratch') throw fail('api.reserved_image_name', { name });
  const [authorization = ''] = [exchange.request.headers['x-registry-auth'] ?? ''].flat();
  await sendProgress(exchange, engine.images.pull(familiarText(reference), { platform, authorization, signal: exchange.signal }), { errorsInStream: false });
}

async function push(exchange: Exchange, { engine, name, query, version }: Call): Promise<void> {
  let reference = parseReference(name);
  const tagText = query.text('tag');
  if (tagText !== '') {
    if (reference.digest !== undefined) throw fail('api.invalid_parameter', { message: 'cannot import digest reference' });
    reference = withTag(reference, tagText);
  }
  const platform = version.atLeast(46) ? platformOf(query) : undefined;
  const messages = engine.images.push(familiarText(reference), { platform, authorization: authorizationOf(exchange), signal: exchange.signal });
  await sendProgress(exchange, messages, { errorsInStream: false });
}

async function importArchive(exchange: Exchange, { engine, query }: Call, platform: string): Promise<void> {
  const [repository, tagText, source] = [query.text('repo'), query.text('tag'), query.text('fromSrc')];
  if (repository !== '') {
    const target = parseReference(repository);
    if (target.digest !== undefined) throw fail('api.invalid_parameter', { message: 'cannot import digest reference' });
    if (tagText !== '') withTag(target, tagText);
  }
  const message = query.text('message');
  const messages = engine.images.import(exchange.request, {
    repository,
    tag: tagText,
    message: message === '' ? `Imported from ${source}` : message,
    changes: query.texts('changes'),
    platform,
    source,
    signal: exchange.signal,
  });
  await sendProgress(exchange, messages, { errorsInStream: false });
}

async function bootstrap(exchange: Exchange, { engine, query }: Call): Promise<void> {
  await sendProgress(exchange, engine.images.bootstrap(query.text('name'), exchange.signal), { errorsInStream: false });
}

async function saveOne(exchange: Exchange, call: Call): Promise<void> {
  await save(exchange, call, [call.name]);
}

async function saveMany(exchange: Exchange, call: Call): Promise<void> {
  await save(exchange, call, call.query.texts('names'));
}

async function save({ reply, signal }: Exchange, { engine, query, version }: Call, names: readonly string[]): Promise<void> {
  const archive = await engine.images.save(names, { platform: archivedPlatform(query, version), signal });
  try {
    reply.begin(200, 'application/x-tar');
    for await (const chunk of archive) await reply.write(chunk, signal);
    reply.end();
  } finally {
    archive.destroy();
  }
}
