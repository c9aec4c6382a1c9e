/** Instructions that change the configuration alone: what they do and how an image's history tells of them. */
import type { Command } from '#build/dockerfile.ts';
import { formatGoDuration } from '#base/go-duration-text.ts';
import { quoteList } from '#base/template/go-quote.ts';
import type { ImageRuntimeConfig } from '#schema/image-views.ts';
import type { StageState } from './stage-state.ts';

/** Changes the stage's configuration and answers the comment. @throws image.invalid_change */
export function changeConfiguration(command: Command, state: StageState): string {
  const { word, parameters, step } = command;
  const verbatim = command.flags.get('verbatim') === 'true';
  const expanders = state.expanders;
  const expanded = verbatim ? [...parameters] : word === 'EXPOSE' ? parameters.toSorted().flatMap(expanders.words) : parameters.map((parameter) => (resolved.has(word) ? expanders.word(parameter) : parameter));
  step?.(state.draft, expanders);
  const { config } = state;
  switch (word) {
    case 'ENV':
    case 'LABEL':
      return `${word} ${pairs(expanded).join(' ')}`;
    case 'CMD':
      return `CMD ${quoteList(config.Cmd)}`;
    case 'ENTRYPOINT':
      return `ENTRYPOINT ${quoteList(config.Entrypoint)}`;
    case 'HEALTHCHECK':
      return `HEALTHCHECK ${healthText(config.Healthcheck ?? {})}`;
    case 'VOLUME':
      return `VOLUME [${expanded.join(' ')}]`;
    case 'ONBUILD':
      return `ONBUILD ${config.OnBuild?.at(-1) ?? ''}`;
    case 'SHELL':
      config.Shell = [...parameters];
      return `SHELL [${parameters.join(' ')}]`;
    case 'MAINTAINER':
      state.author = parameters[0] ?? '';
      return `MAINTAINER ${state.author}`;
    default:
      return `${word} ${expanded.join(' ')}`;
  }
}

/** Words whose arguments have variables resolved. */
const resolved: ReadonlySet<string> = new Set(['ENV', 'LABEL', 'USER', 'VOLUME', 'STOPSIGNAL', 'WORKDIR']);

function pairs(words: readonly string[]): string[] {
  return words.flatMap((name, index) => (index % 2 === 0 ? [`${name}=${words[index + 1] ?? ''}`] : []));
}

/** Go's `%v` of a pointer to the structure. */
function healthText(health: NonNullable<ImageRuntimeConfig['Healthcheck']>): string {
  const durations = [health.Interval, health.Timeout, health.StartPeriod, health.StartInterval].map((duration) => formatGoDuration(duration ?? 0));
  return `&{[${(health.Test ?? []).join(' ')}] ${durations.join(' ')} ${health.Retries ?? 0}}`;
}
