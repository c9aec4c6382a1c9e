/** What `--call=targets` answers: the stages of a Dockerfile (BuildKit's sub-request `frontend.targets`). */
import { readDockerfile } from '#build/dockerfile.ts';

/** @throws build.invalid_dockerfile */
export function targetsResult(text: string, fileName: string): Record<string, Buffer> {
  const { stages } = readDockerfile(text);
  const targets = stages.map(({ name, base, platform, range }, index) => ({
    name: name === '' ? undefined : name, default: index === stages.length - 1 ? true : undefined, base, platform: platform === '' ? undefined : platform,
    location: { ranges: [{ start: { line: range.start }, end: { line: range.end } }] },
  }));
  const document = { targets, sources: [Buffer.from(text).toString('base64')] };
  const named = targets.map(({ name, default: last }) => `${name ?? '(default)'}${last === true && name !== undefined ? ' (default)' : ''}\n`);
  return { 'result.json': Buffer.from(JSON.stringify(document, undefined, 2)), 'result.txt': Buffer.from(`TARGET\n${named.join('')}`), version: Buffer.from('1.0.0'), 'result.file': Buffer.from(fileName) };
}
