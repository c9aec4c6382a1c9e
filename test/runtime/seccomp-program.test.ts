import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSeccompFilterCache } from '#kernel/seccomp-filter.ts';
import type { HostConfig } from '#schema/container-config.ts';
import { withSeccompProgram } from '#runtime/seccomp/precompiled.ts';
import { Bundle } from './bundle.ts';

function buildProbe(bundle: Bundle, more: readonly string[] = []): void {
  const output = join(bundle.directory, 'probe');
  const built = spawnSync('musl-gcc', ['-static', '-Os', '-idirafter', '/usr/include', '-idirafter', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, ...more, '-o', output, join(import.meta.dirname, 'seccomp-probe.c')]);
  assert.equal(built.status, 0, String(built.stderr));
  bundle.addProgram(output, 'probe');
}

async function answers(bundle: Bundle, hostConfig: Partial<HostConfig>, precompiled: boolean): Promise<Map<string, number>> {
  const specification = await bundle.build({ args: ['sh', '-c', 'probe; grep Seccomp: /proc/self/status'], env: ['PATH=/bin'], hostConfig });
  const cache = openSeccompFilterCache(join(bundle.directory, 'cache'));
  const final = precompiled ? withSeccompProgram(specification, cache) : specification;
  assert.equal(final.annotations?.['run.oci.seccomp_bpf_data'] !== undefined, precompiled);
  assert.deepEqual(final.linux.seccomp, specification.linux.seccomp, 'the rules must stay for runtimes that do not know the annotation');
  const result = await bundle.runSpecification(final);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.match(result.stdout, /^Seccomp:\t2$/m);
  return new Map(result.stdout.split('\n').filter((line) => / \d+$/.test(line)).map((line) => [line.split(' ')[0] ?? '', Number(line.split(' ')[1])]));
}

/** Decided by the preamble where libseccomp is older than the call; the runtime alone then says EPERM. */
const newerThanLibrary = ['cachestat', 'mseal', 'lsm_list_modules', 'unheard-of'];
const [EPERM, ENOENT, EBADF, EINVAL, EFAULT, ENOSYS] = [1, 2, 9, 22, 14, 38];

for (const [label, hostConfig] of [
  ['default capabilities', {}],
  ['CAP_SYS_ADMIN', { CapAdd: ['SYS_ADMIN'] }],
  ['no capabilities', { CapDrop: ['ALL'] }],
] as const) {
  test(`a precompiled program must decide as the runtime's own: ${label}`, async () => {
    await using bundle = new Bundle();
    buildProbe(bundle);
    const config: Partial<HostConfig> = Object.fromEntries(Object.entries(hostConfig).map(([key, value]) => [key, [...value]]));
    const [own, precompiled] = [await answers(bundle, config, false), await answers(bundle, config, true)];
    for (const name of newerThanLibrary) {
      own.delete(name);
      precompiled.delete(name);
    }
    assert.ok(own.size > 10);
    assert.deepEqual(precompiled, own);
  });
}

test('the default program must deny, allow and hide what it should', async () => {
  await using bundle = new Bundle();
  buildProbe(bundle);
  const seen = await answers(bundle, {}, true);
  for (const name of ['socket-vsock', 'personality-other', 'unshare-user', 'clone-newns', 'mount', 'keyctl', 'bpf', 'process_madvise']) assert.equal(seen.get(name), EPERM, name);
  for (const name of ['getpid', 'socket-unix', 'personality-query', 'umask']) assert.equal(seen.get(name), 0, name);
  assert.equal(seen.get('chroot'), EFAULT);
  for (const name of ['clone3', 'lsm_list_modules', 'unheard-of']) assert.ok(seen.get(name) === ENOSYS || (name === 'lsm_list_modules' && seen.get(name) === EPERM), `${name} ${seen.get(name)}`);
  // Allowed, however old libseccomp is: the kernel itself answers, ENOSYS when it is older than the call.
  assert.ok([EBADF, EINVAL, EFAULT, ENOENT, ENOSYS].includes(seen.get('cachestat') ?? -1), `cachestat ${seen.get('cachestat')}`);
  assert.ok([EINVAL, ENOSYS].includes(seen.get('mseal') ?? -1), `mseal ${seen.get('mseal')}`);
});

test('a 32-bit program must be under the filter too', { skip: process.arch === 'x64' ? false : 'only x86 runs programs of two architectures here' }, async () => {
  await using bundle = new Bundle();
  // mov eax,21 (mount); xor ebx..esi; int 0x80; exit with the negated errno.
  const code = '.global _start\n_start:\nmov $21,%eax\nxor %ebx,%ebx\nxor %ecx,%ecx\nxor %edx,%edx\nxor %esi,%esi\nint $0x80\nneg %eax\nmov %eax,%ebx\nmov $1,%eax\nint $0x80\n';
  const source = join(bundle.directory, 'x.s');
  writeFileSync(source, code);
  const built = spawnSync('sh', ['-c', `as --32 -o ${source}.o ${source} && ld -m elf_i386 -o ${bundle.directory}/old ${source}.o`]);
  assert.equal(built.status, 0, String(built.stderr));
  bundle.addProgram(join(bundle.directory, 'old'), 'old');
  const specification = await bundle.build({ args: ['old'], env: ['PATH=/bin'] });
  const final = withSeccompProgram(specification, openSeccompFilterCache(join(bundle.directory, 'cache')));
  assert.equal((await bundle.runSpecification(final)).exitCode, EPERM);
});

test("a profile of the user must hold, precompiled and by the runtime, also with conditions and numbers of its own", async () => {
  await using bundle = new Bundle();
  buildProbe(bundle);
  const profile = JSON.stringify({
    defaultAction: 'SCMP_ACT_ALLOW',
    archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] }, { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null }],
    syscalls: [
      { names: ['umask'], action: 'SCMP_ACT_ERRNO', errnoRet: 77 },
      { names: ['socket'], action: 'SCMP_ACT_ERRNO', errnoRet: 78, args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }, { index: 0, value: 40, op: 'SCMP_CMP_EQ' }] },
      { names: ['personality'], action: 'SCMP_ACT_ERRNO', args: [{ index: 0, value: 4294967295, op: 'SCMP_CMP_EQ' }] },
    ],
  });
  for (const precompiled of [true, false]) {
    const seen = await answers(bundle, { SecurityOpt: [`seccomp=${profile}`] }, precompiled);
    assert.deepEqual([seen.get('umask'), seen.get('socket-unix'), seen.get('socket-vsock'), seen.get('personality-query'), seen.get('getpid')], [77, 78, 78, EPERM, 0]);
  }
});

test('a program must be kept on disk, found again, and made anew when the file is damaged', (t) => {
  const directory = mkdtempSync('/tmp/dhow-seccomp-');
  t.after(() => rmSync(directory, { recursive: true }));
  const rules = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'], syscalls: [{ names: ['read', 'no_such_call'], action: 'SCMP_ACT_ALLOW' }] };
  const program = openSeccompFilterCache(directory).programFor(rules);
  assert.ok(program !== undefined);
  const [name = ''] = readdirSync(directory);
  const made = statSync(join(directory, name)).mtimeMs;
  assert.equal(openSeccompFilterCache(directory).programFor(rules), program);
  assert.equal(statSync(join(directory, name)).mtimeMs, made);
  truncateSync(join(directory, name), 100);
  assert.equal(openSeccompFilterCache(directory).programFor(rules), program);
  assert.equal(openSeccompFilterCache(directory).programFor({ ...rules, defaultErrnoRet: 5 }) === program, false);
});

test('rules that need the runtime must not be precompiled', (t) => {
  const directory = mkdtempSync('/tmp/dhow-seccomp-');
  t.after(() => rmSync(directory, { recursive: true }));
  const cache = openSeccompFilterCache(directory);
  const allow = { defaultAction: 'SCMP_ACT_ALLOW' };
  assert.equal(cache.programFor({ ...allow, flags: ['SECCOMP_FILTER_FLAG_LOG'] }), undefined);
  assert.equal(cache.programFor({ ...allow, syscalls: [{ names: ['read'], action: 'SCMP_ACT_NOTIFY' }] }), undefined);
  assert.equal(cache.programFor({ ...allow, syscalls: [{ names: ['read'], action: 'SCMP_ACT_BOGUS' }] }), undefined);
  assert.equal(cache.programFor({ defaultAction: 'SCMP_ACT_BOGUS' }), undefined);
  assert.equal(cache.programFor({ ...allow, architectures: ['SCMP_ARCH_BOGUS'] }), undefined);
  assert.equal(cache.programFor({ ...allow, syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO', args: [{ index: 9, value: 1, op: 'SCMP_CMP_EQ' }] }] }), undefined);
});

test('an annotation of the user must not bring a program of its own', async () => {
  await using bundle = new Bundle();
  const allowEverything = Buffer.from([6, 0, 0, 0, 0, 0, 0xff, 0x7f]).toString('base64');
  const specification = await bundle.build({
    args: ['unshare', '-m', 'true'],
    env: ['PATH=/bin'],
    hostConfig: { Annotations: { 'run.oci.seccomp_bpf_data': allowEverything, kept: 'yes' } },
  });
  assert.deepEqual(specification.annotations, { kept: 'yes' });
  assert.notEqual((await bundle.runSpecification(specification)).exitCode, 0);
});
