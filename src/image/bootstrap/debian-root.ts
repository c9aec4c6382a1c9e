/** The root file system of `debian:<suite>`: a minimal installation by mmdebstrap, streamed as it is packed. */
import { PassThrough, type Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { runProgram } from '#kernel/run-program.ts';
import { debianMirrors, ensureProgram, lastWords, type BootstrapContext, type Mirrors } from './apt.ts';

/** What slim images leave out: manuals, documentation other than licences, translations. */
const leftOut = ['path-exclude=/usr/share/doc/*', 'path-include=/usr/share/doc/*/copyright', 'path-exclude=/usr/share/man/*', 'path-exclude=/usr/share/info/*', 'path-exclude=/usr/share/locale/*', 'path-include=/usr/share/locale/locale.alias'];
/** Logs and caches of the installation itself, and what mmdebstrap copies from the host. */
const traces = 'rm -rf "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/log/apt "$1"/var/log/*.log "$1"/var/cache/apt/*.bin "$1"/var/cache/debconf/*-old "$1"/var/cache/ldconfig/* "$1"/var/lib/dpkg/*-old';

export interface DebianRoot {
  readonly archive: Readable;
  /** Resolves when the program is gone, however it ended. */
  readonly ended: Promise<void>;
}

/** A tar of it, as it is packed; the stream fails when the installation does. @param directory for what is being installed; goes with its owner when the program is killed */
export async function debianRoot(context: BootstrapContext, suite: string, directory: string): Promise<DebianRoot> {
  const mirrors = await debianMirrors(context);
  await ensureProgram(context, 'mmdebstrap', 'mmdebstrap');
  context.say(`Installing Debian ${suite}`);
  const output = new PassThrough();
  const parameters = ['--variant=minbase', '--format=tar', ...leftOut.map((option) => `--dpkgopt=${option}`), `--customize-hook=${traces}`, ...mergedUsr(suite), suite, '-', ...sources(mirrors, suite)];
  const words: string[] = [];
  const onLine = (line: string): void => {
    words.push(line);
    if (words.length > 20) words.shift();
    if (/^I: (?!running --)/.test(line) && !line.includes('tempdir')) context.say(line.slice(3));
  };
  const ended = runProgram('mmdebstrap', parameters, {
    environment: { TMPDIR: directory },
    onLine,
    stdout: (stream) => stream.pipe(output, { end: false }),
    signal: context.signal,
  }).then(
    ({ exitCode }) => {
      // A truncated file system must not look like a whole one.
      if (exitCode === 0) output.end();
      else output.destroy(fail('image.bootstrap_failed', { name: context.name, reason: `mmdebstrap ended with ${exitCode}: ${lastWords({ stdout: '', stderr: words.join('\n') })}` }));
    },
    (error: unknown) => void output.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return { archive: output, ended };
}

/** In bookworm /usr is merged by a program that brings all of Perl; merged from the start it is not needed. */
function mergedUsr(suite: string): string[] {
  return suite === 'bookworm' ? ['--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr', '--include=usr-is-merged'] : [];
}

/** Lines of `/etc/apt/sources.list` in the image, which are also what it is made from. */
function sources({ main, security }: Mirrors, suite: string): string[] {
  if (suite === 'sid') return [`deb ${main} sid main`];
  return [`deb ${main} ${suite} main`, `deb ${main} ${suite}-updates main`, ...(security === undefined ? [] : [`deb ${security} ${suite}-security main`])];
}
