import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isFailure } from '#base/errors/failure.ts';
import { capabilityNames } from '#kernel/capabilities.ts';
import type { SeccompRules } from '#kernel/seccomp-rules.ts';
import { defaultSeccompProfile } from '#runtime/seccomp/default-profile.ts';
import { decideSeccomp } from '#runtime/seccomp/seccomp-decision.ts';
import { parseSeccompProfile, seccompRules, type SeccompCircumstances, type SeccompProfile } from '#runtime/seccomp/seccomp-profile.ts';
import { defaultCapabilities } from '#runtime/specification/capability-set.ts';

const plain: SeccompCircumstances = { architecture: 'amd64', kernelRelease: '6.1.0-13-amd64', capabilities: defaultCapabilities };

/** Per system call the sorted list of everything said about it. */
function decisions(rules: SeccompRules | undefined): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const rule of rules?.syscalls ?? []) {
    const said = JSON.stringify([rule.action, rule.errnoRet ?? null, rule.args ?? []]);
    for (const name of rule.names) found.set(name, [...new Set([...(found.get(name) ?? []), said])].sort());
  }
  return found;
}

const circumstances: SeccompCircumstances[] = ['amd64', 'arm64', 'arm', 'x86', 's390x', 'ppc64le', 'riscv64', 'mips64'].flatMap((architecture) =>
  ['4.7.0', '4.8.0', '6.1.0-13-amd64'].flatMap((kernelRelease) =>
    [[], defaultCapabilities, capabilityNames, ...capabilityNames.map((name) => [name])].map((capabilities) => ({ architecture, kernelRelease, capabilities })),
  ),
);

/** Everything a profile decides, in one number: per circumstance the architectures, defaults and what is said of each call. */
function digestOf(profile: SeccompProfile): string {
  const hash = createHash('sha256');
  for (const where of circumstances) {
    const rules = seccompRules(profile, where);
    hash.update(JSON.stringify([where, rules?.defaultAction, rules?.defaultErrnoRet, rules?.architectures, [...decisions(rules)].sort(([a], [b]) => (a < b ? -1 : 1))]));
  }
  return hash.digest('hex');
}

/** Of `seccomp/default.json` in moby/profiles, seccomp/v0.1.0, which Docker 28.5 carries. */
const digestOfDocker = 'd00647c59f7d68c1a42d508b6ae1142611380d1837f09b841805a1962509c1d7';

test("the default profile must decide every system call as Docker's does", () => {
  // With Docker's file at hand, a difference is shown in full.
  const path = process.env['DOCKER_SECCOMP_PROFILE'];
  if (path !== undefined) {
    const reference = parseSeccompProfile(readFileSync(path, 'utf8'));
    assert.equal(digestOf(reference), digestOfDocker, `${path} is not the profile of Docker 28.5`);
    for (const where of circumstances) {
      assert.deepEqual(new Map([...decisions(seccompRules(defaultSeccompProfile, where))].sort()), new Map([...decisions(seccompRules(reference, where))].sort()), JSON.stringify(where));
    }
  }
  assert.equal(digestOf(defaultSeccompProfile), digestOfDocker);
});

test('what reaches beyond the container must be denied until a capability unlocks it', () => {
  const without = decisions(seccompRules(defaultSeccompProfile, plain));
  for (const name of ['mount', 'unshare', 'bpf', 'init_module', 'kexec_load', 'keyctl', 'open_by_handle_at', 'userfaultfd']) assert.equal(without.get(name), undefined, name);
  const administrator = decisions(seccompRules(defaultSeccompProfile, { ...plain, capabilities: ['CAP_SYS_ADMIN'] }));
  for (const name of ['mount', 'unshare', 'bpf']) assert.deepEqual(administrator.get(name), ['["SCMP_ACT_ALLOW",null,[]]'], name);
  assert.equal(administrator.get('init_module'), undefined);
});

test('clone3 must not exist for a program, so that it falls back to clone', () => {
  const rules = decisions(seccompRules(defaultSeccompProfile, plain));
  assert.deepEqual(rules.get('clone3'), ['["SCMP_ACT_ERRNO",38,[]]']);
  assert.equal(rules.get('clone')?.length, 1);
  assert.match(rules.get('clone')?.[0] ?? '', /2114060288/);
});

test('settings must choose the profile', () => {
  const request = { ...plain, profile: '', privileged: false, supported: true };
  assert.deepEqual(decideSeccomp(request), seccompRules(defaultSeccompProfile, plain));
  assert.deepEqual(decideSeccomp({ ...request, profile: 'builtin', privileged: true }), seccompRules(defaultSeccompProfile, plain));
  assert.equal(decideSeccomp({ ...request, profile: 'unconfined' }), undefined);
  assert.equal(decideSeccomp({ ...request, privileged: true }), undefined);
  assert.equal(decideSeccomp({ ...request, supported: false }), undefined);
  assert.throws(() => decideSeccomp({ ...request, supported: false, profile: '{}' }), (error) => isFailure(error, 'runtime.seccomp_missing'));
  assert.equal(decideSeccomp({ ...request, profile: '{}' }), undefined);
});

test('a profile of the user must be read with everything Docker reads', () => {
  const profile = parseSeccompProfile(`{
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "flags": ["SECCOMP_FILTER_FLAG_LOG"],
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}, {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}],
    "syscalls": [
      {"name": "read", "action": "SCMP_ACT_ALLOW", "args": null},
      {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "comment": "x", "args": [{"index": 2, "value": 18446744073709551615, "valueTwo": 1, "op": "SCMP_CMP_GT"}]},
      {"names": ["a"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "99.1"}},
      {"names": ["b"], "action": "SCMP_ACT_ALLOW", "excludes": {"minKernel": "3.0"}},
      {"names": ["c"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN", "CAP_SYS_ADMIN"]}},
      {"names": ["d"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_CHOWN"], "arches": ["amd64"], "minKernel": "6.1"}, "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["arm64"]}}
    ]}`);
  const rules = seccompRules(profile, plain);
  assert.deepEqual(rules?.architectures, ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
  assert.deepEqual(rules?.flags, ['SECCOMP_FILTER_FLAG_LOG']);
  assert.equal(
    JSON.stringify(rules?.syscalls),
    '[{"names":["read"],"action":"SCMP_ACT_ALLOW"},{"names":["write"],"action":"SCMP_ACT_ERRNO","errnoRet":5,"args":[{"index":2,"value":18446744073709551615,"valueTwo":1,"op":"SCMP_CMP_GT"}]},{"names":["d"],"action":"SCMP_ACT_ALLOW"}]',
  );
});

test('profiles that contradict themselves must be refused in words', () => {
  const refusal = (profile: SeccompProfile): string => {
    try {
      seccompRules(profile, plain);
      return 'accepted';
    } catch (error) {
      return isFailure(error, 'runtime.seccomp_profile_invalid') ? error.message : String(error);
    }
  };
  const call = { action: 'SCMP_ACT_ALLOW' };
  assert.equal(refusal({ defaultAction: 'x', syscalls: [{ ...call, name: 'a', names: ['b'] }] }), "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  assert.equal(
    refusal({ defaultAction: 'x', architectures: ['SCMP_ARCH_X86'], archMap: [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures: [] }] }),
    "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
  );
  assert.match(refusal({ defaultAction: 'x', syscalls: [{ ...call, names: ['a'], includes: { minKernel: 'new' } }] }), /^Decoding seccomp profile failed: invalid kernel version: "new"/);
  assert.throws(() => parseSeccompProfile('{'), (error) => isFailure(error, 'runtime.seccomp_profile_invalid') && error.message.startsWith('Decoding seccomp profile failed: '));
  assert.throws(() => parseSeccompProfile('[]'), (error) => isFailure(error, 'runtime.seccomp_profile_invalid'));
});
