/** What `--call=targets` answers: the stages of a Dockerfile (BuildKit's sub-request `frontend.targets`). */
import { describedAs } from './outline-result.ts';
import { readDockerfile } from '#build/dockerfile.ts';

/** @throws build.invalid_dockerfile */
export function targetsResult(text: string, fileName: string): Record<string, Buffer> {
  const { stages } = readDockerfile(text);
  const targets = stages.map(({ name, base, platform, range, comments }, index) => ({
    name: name === '' ? undefined : name, default: index === stages.length - 1 ? true : undefined, description: describedAs(comments, name), base, platform: platform === '' ? undefined : platform,
    location: { ranges: [{ start: { line: range.start }, end: { line: range.end } }] },
  }));
  const document = { targets, sources: [Buffer.from(text).toString('base64')] };
  const names = targets.map(({ name, default: last }) => `${name ?? (last === true ? '' : '-')}${last === true ? `${name === undefined ? '' : ' '}(default)` : ''}`);
  const width = Math.max('TARGET   '.length, ...names.map((name) => name.length)) + 1;
  const lines = [['TARGET', 'DESCRIPTION'], ...targets.map(({ description = '' }, index) => [names[index] ?? '', description])].map(([name = '', description = '']) => `${name.padEnd(width)}${description}\n`);
  return { 'result.json': Buffer.from(JSON.stringify(document, undefined, 2)), 'result.txt': Buffer.from(lines.join('')), version: Buffer.from('1.0.0'), 'result.file': Buffer.from(fileName) };
}
