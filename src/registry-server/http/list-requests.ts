/** Lists: tags, referrers, all repositories, search (OCI distribution-spec 1.1, end-8, end-12; Docker Registry v2 `_catalog`, v1 `search`). */
import { mediaTypes } from '#oci/media-types.ts';
import { isListed } from '../auth/access-rules.ts';
import type { Exchange } from './exchange.ts';
import type { Services } from './services.ts';

const mostTags = 10_000;
const mostRepositories = 1000;
const mostReferrers = 1000;
const mostFound = 100;

export async function listTags(exchange: Exchange, services: Services, repository: string): Promise<void> {
  const { count, last } = exchange.page(mostTags);
  const tags = (await services.upstreams?.tags(repository, { last, count: count + 1 })) ?? services.content.tags(repository, { last, count: count + 1 });
  const shown = tags.slice(0, count);
  const next = tags.length > count ? shown.at(-1) : undefined;
  exchange.replyJson(200, { name: repository, tags: shown }, next === undefined ? {} : { Link: exchange.nextPage(`/v2/${repository}/tags/list`, { last: next, n: String(count) }) });
}

export async function listReferrers(exchange: Exchange, services: Services, { repository, digest }: { repository: string; digest: string }): Promise<void> {
  const artifactType = exchange.query.get('artifactType') ?? undefined;
  const last = exchange.query.get('last') ?? undefined;
  await services.upstreams?.refreshReferrers(repository, digest);
  const all = services.content.referrers(repository, digest, { artifactType, last, count: mostReferrers + 1 });
  const manifests = all.slice(0, mostReferrers);
  const next = all.length > mostReferrers ? manifests.at(-1)?.digest : undefined;
  exchange.replyJson(200, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }, {
    'Content-Type': mediaTypes.ociIndex,
    ...(artifactType === undefined ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
    ...(next === undefined ? {} : { Link: exchange.nextPage(`/v2/${repository}/referrers/${digest}`, { last: next, ...(artifactType === undefined ? {} : { artifactType }) }) }),
  });
}

/** Only what the one who asks may pull. */
export function listRepositories(exchange: Exchange, services: Services): void {
  const { count, last } = exchange.page(mostRepositories);
  const repositories: string[] = [];
  let [position, isMore] = [last, count > 0];
  while (isMore && repositories.length <= count) {
    const found = services.content.repositories({ last: position, count: mostRepositories });
    position = found.at(-1);
    isMore = found.length === mostRepositories;
    repositories.push(...found.filter((name) => isListed(exchange.actor, name)));
  }
  const shown = repositories.slice(0, count);
  const next = repositories.length > count ? shown.at(-1) : undefined;
  exchange.replyJson(200, { repositories: shown }, next === undefined ? {} : { Link: exchange.nextPage('/v2/_catalog', { last: next, n: String(count) }) });
}

/** What `docker search HOST/TERM` asks for. */
export function search(exchange: Exchange, services: Services): void {
  const query = exchange.query.get('q') ?? '';
  const { count } = exchange.page(mostFound);
  const page = Math.max(1, Number(/^\d{1,6}$/.exec(exchange.query.get('page') ?? '1')?.[0] ?? 1));
  const names = services.content.search(query.toLowerCase()).filter((name) => isListed(exchange.actor, name));
  const results = names.slice((page - 1) * count, page * count).map((name) => ({ name, description: '', star_count: 0, is_official: false, is_automated: false, is_trusted: false }));
  exchange.replyJson(200, { num_results: names.length, num_pages: count === 0 ? 0 : Math.ceil(names.length / count), page, page_size: count, query, results });
}
