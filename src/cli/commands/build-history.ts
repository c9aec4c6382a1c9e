/** `build history ls|logs|inspect|rm` and `build explain`: what builds were, and why their steps were made. */
import { humanDuration } from '#base/human-duration.ts';
import { maximumArguments, minimumArguments, noArguments } from '#cli/argument-rule.ts';
import { durationOf, KeptBuilds, reasonsIn, reasonsText, startOf, stateOf } from '#cli/build/history/build-history.ts';
import { PlainProgress } from '#cli/build/solve/plain-progress.ts';
import { defineCommand } from '#cli/command.ts';
import { booleanFlag, textFlag } from '#cli/flags/scalar-flags.ts';

export const listCommand = defineCommand({
  usage: 'ls [OPTIONS]',
  positional: noArguments,
  flags: { quiet: booleanFlag({ short: 'q', text: 'Only show the builds\' names' }) },
  async run({ client, flags, stdout, signal }) {
    await using builds = await KeptBuilds.open(client, signal);
    const records = await builds.list();
    if (flags.quiet) {
      for (const { ref } of records) stdout.writeLine(ref);
      return 0;
    }
    const rows = records.map((record) => {
      const { frontendAttributes, numCachedSteps, numTotalSteps } = record;
      const duration = durationOf(record);
      const target = frontendAttributes['target'] ?? '';
      return [record.ref, `${frontendAttributes['filename'] ?? 'Dockerfile'}${target === '' ? '' : ` (${target})`}`, stateOf(record), `${humanDuration(Date.now() - startOf(record))} ago`, duration === undefined ? '' : `${(duration / 1000).toFixed(1)}s`, `${numCachedSteps}/${numTotalSteps}`];
    });
    const table = [['BUILD ID', 'DOCKERFILE', 'STATUS', 'CREATED', 'DURATION', 'CACHED'], ...rows];
    const widths = table[0]?.map((_head, column) => Math.max(...table.map((row) => (row[column] ?? '').length))) ?? [];
    for (const row of table) stdout.writeLine(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ').trimEnd());
    return 0;
  },
});

export const logsCommand = defineCommand({
  usage: 'logs [OPTIONS] [BUILD]',
  positional: maximumArguments(1),
  flags: { grep: textFlag({ text: 'Only show lines of output that contain this, of all builds unless one is named' }) },
  async run({ client, flags, arguments: [text = ''], stdout, signal }) {
    await using builds = await KeptBuilds.open(client, signal);
    if (flags.grep === '') {
      const progress = new PlainProgress((line) => stdout.write(line));
      for await (const told of builds.told((await builds.find(text)).ref)) {
        progress.update(told);
        progress.print();
      }
      progress.finish();
      return 0;
    }
    const records = text === '' ? (await builds.list()).reverse() : [await builds.find(text)];
    let found = false;
    for (const { ref } of records) {
      const names = new Map<string, string>();
      const rests = new Map<string, string>();
      const show = (vertex: string, line: string): void => {
        if (!line.includes(flags.grep)) return;
        found = true;
        stdout.writeLine(`${ref} ${names.get(vertex) ?? ''}: ${line}`);
      };
      for await (const { vertexes, logs } of builds.told(ref)) {
        for (const { digest, name } of vertexes) names.set(digest, name);
        for (const { vertex, message } of logs) {
          const lines = ((rests.get(vertex) ?? '') + message.toString('utf8')).split('\n');
          rests.set(vertex, lines.pop() ?? '');
          for (const line of lines) show(vertex, line);
        }
      }
      for (const [vertex, line] of rests) show(vertex, line);
    }
    return found ? 0 : 1;
  },
});

export const inspectCommand = defineCommand({
  usage: 'inspect [BUILD]',
  positional: maximumArguments(1),
  flags: {},
  async run({ client, arguments: [text = ''], stdout, signal }) {
    await using builds = await KeptBuilds.open(client, signal);
    const record = await builds.find(text);
    const { ref, frontendAttributes, exporters, error, numCachedSteps, numTotalSteps, numCompletedSteps, exporterResponse } = record;
    const duration = durationOf(record);
    stdout.writeLine(JSON.stringify({
      Id: ref, Status: stateOf(record), CreatedAt: new Date(startOf(record)).toISOString(), DurationMilliseconds: duration === undefined ? null : Math.round(duration), Error: error?.message ?? null,
      Attributes: frontendAttributes, Exporters: exporters, Image: exporterResponse['containerimage.config.digest'] ?? null,
      Steps: { Total: numTotalSteps, Completed: numCompletedSteps, Cached: numCachedSteps }, Reasons: reasonsIn(record),
    }, undefined, 4));
    return 0;
  },
});

export const removeCommand = defineCommand({
  usage: 'rm [OPTIONS] [BUILD...]',
  positional: minimumArguments(0),
  flags: { all: booleanFlag({ text: 'Remove all builds' }) },
  async run({ client, flags, arguments: texts, stdout, signal }) {
    await using builds = await KeptBuilds.open(client, signal);
    const records = flags.all ? await builds.list() : await Promise.all(texts.map(async (text) => await builds.find(text)));
    for (const { ref } of records) {
      await builds.remove(ref);
      stdout.writeLine(ref);
    }
    return 0;
  },
});

export const explainCommand = defineCommand({
  usage: 'explain [BUILD]',
  positional: maximumArguments(1),
  flags: {},
  async run({ client, arguments: [text = ''], stdout, signal }) {
    await using builds = await KeptBuilds.open(client, signal);
    stdout.write(reasonsText(await builds.find(text)));
    return 0;
  },
});
