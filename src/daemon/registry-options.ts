/** The options of registries: mirrors, and how much is sent and fetched at once. */
import type { DaemonOptions } from './options.ts';
import type { FileValues, RegistryDirective } from './configuration-file.ts';
import { isRecord, valueOf, type Refusal } from './option-refusal.ts';
import type { OptionValues } from './option-sources.ts';
import { readMirror } from './option-values.ts';

/** @throws daemon.bad_configuration for negative numbers */
export function transferLimits(values: OptionValues, merged: Refusal): Pick<DaemonOptions, 'concurrentDownloads' | 'concurrentUploads' | 'downloadAttempts'> {
  const read = (name: string, standard: number): number => {
    const value = values.integer(name) ?? 0;
    if (value < 0) throw merged(`invalid ${name.replaceAll('-', ' ')}: ${value}`);
    return value === 0 ? standard : value;
  };
  return { concurrentDownloads: read('max-concurrent-downloads', 3), concurrentUploads: read('max-concurrent-uploads', 5), downloadAttempts: read('max-download-attempts', 5) };
}

/** @throws daemon.bad_configuration for what is no registry's name or no mirror's address */
export function mirrorsOf(file: FileValues, refuse: Refusal): Record<string, string[]> {
  const directives: unknown = file['registries'];
  if (!isRecord<RegistryDirective>(directives)) return {};
  return Object.fromEntries(Object.entries(directives).map(([host, { mirrors = [] }]) => {
    if (!/^[A-Za-z0-9.[\]:-]+$/.test(host) || !URL.canParse(`https://${host}`)) throw refuse(`invalid registry ${JSON.stringify(host)} in registries: must be a host, with its port where that is not 443`);
    return [host, mirrors.map((text) => valueOf(readMirror(text), refuse))];
  }));
}
