/** The root file system of `busybox`: Debian's static busybox, a link per applet and the usual directories. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fail } from '#base/errors/failure.ts';
import { writeTar, type TarMember } from '#oci/tar/write-tar.ts';
import { downloadPackage, runTool, type BootstrapContext } from './apt.ts';

const directories: readonly (readonly [path: string, mode?: number])[] = [
  ['bin'], ['dev'], ['etc'], ['home'], ['proc'], ['root', 0o700], ['sys'], ['tmp', 0o1777], ['usr'], ['usr/bin'], ['usr/sbin'], ['var'], ['var/log'],
];
const passwd = 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n';
const group = 'root:x:0:\nnobody:x:65534:\n';
const places = ['bin/busybox', 'usr/bin/busybox'];
/** Names with a slash or the like would be no applets. */
const appletName = /^[A-Za-z0-9[_.-]+$/;

/** A tar of it; the same package gives the same bytes. @param directory empty */
export async function busyboxRoot(context: BootstrapContext, directory: string): Promise<Readable> {
  context.say('Downloading busybox-static');
  const archive = await downloadPackage(context, 'busybox-static', directory);
  const unpacked = join(directory, 'unpacked');
  await runTool(context, 'dpkg-deb', ['-x', archive, unpacked]);
  const program = findProgram(context, unpacked);
  const { stdout } = await runTool(context, program, ['--list']);
  const applets = stdout.split('\n').filter((name) => appletName.test(name) && name !== 'busybox');
  context.say(`Linking ${applets.length} commands`);
  const modified = { seconds: Math.trunc((await stat(program)).mtimeMs / 1000), nanoseconds: 0 };
  const contents = await readFile(program);
  const members: TarMember[] = [
    { header: { name: './', type: 'directory', modified } },
    ...directories.map(([path, mode]) => ({ header: { name: `./${path}/`, type: 'directory' as const, mode, modified } })),
    { header: { name: './bin/busybox', type: 'file', mode: 0o755, modified }, body: contents },
    ...applets.sort().map((name) => ({ header: { name: `./bin/${name}`, type: 'symlink' as const, linkName: 'busybox', mode: 0o777, modified } })),
    { header: { name: './etc/passwd', type: 'file', modified }, body: Buffer.from(passwd) },
    { header: { name: './etc/group', type: 'file', modified }, body: Buffer.from(group) },
  ];
  return Readable.from(writeTar(members), { objectMode: false });
}

function findProgram(context: BootstrapContext, root: string): string {
  for (const place of places) if (existsSync(join(root, place))) return join(root, place);
  throw fail('image.bootstrap_failed', { name: context.name, reason: 'the package busybox-static has no busybox in it' });
}
