/**
 * The profile of containers that ask for none: it decides every system call as Docker 28's does. Calls are
 * grouped by what they are for; what reaches beyond the container is unlocked by the capability that goes with it.
 */
import type { SeccompArgument } from '#kernel/seccomp-rules.ts';
import { everydayCalls } from './everyday-calls.ts';
import type { SeccompProfile, SeccompProfileRule } from './seccomp-profile.ts';

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Calls of one family of processors. */
const callsOfArchitectures: readonly (readonly [arches: readonly string[], calls: string])[] = [
  [['ppc64le'], 'sync_file_range2 swapcontext'],
  [['arm', 'arm64'], 'arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'],
  [['amd64', 'x32'], 'arch_prctl'],
  [['amd64', 'x32', 'x86'], 'modify_ldt'],
  [['s390', 's390x'], 's390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr'],
  [['riscv64'], 'riscv_flush_icache'],
];

/** Calls that a capability unlocks. */
const callsOfCapabilities: Readonly<Record<string, string>> = {
  CAP_BPF: 'bpf',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_PERFMON: 'perf_event_open',
  CAP_SYSLOG: 'syslog',
  CAP_SYS_ADMIN: `
    mount mount_setattr move_mount open_tree umount umount2 fsopen fsconfig fsmount fspick
    clone clone3 setns unshare sethostname setdomainname
    bpf perf_event_open syslog fanotify_init quotactl quotactl_fd lookup_dcookie
    lsm_get_self_attr lsm_list_modules lsm_set_self_attr`,
  CAP_SYS_BOOT: 'reboot',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'init_module finit_module delete_module',
  CAP_SYS_NICE: 'get_mempolicy set_mempolicy set_mempolicy_home_node mbind',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
};

/** Architectures whose programs the kernel of another runs too. */
const relatedArchitectures: Readonly<Record<string, readonly string[]>> = {
  X86_64: ['X86', 'X32'],
  AARCH64: ['ARM'],
  MIPS64: ['MIPS', 'MIPS64N32'],
  MIPS64N32: ['MIPS', 'MIPS64'],
  MIPSEL64: ['MIPSEL', 'MIPSEL64N32'],
  MIPSEL64N32: ['MIPSEL', 'MIPSEL64'],
  S390X: ['S390'],
  RISCV64: [],
};

const addressFamilyVsock = 40;
/** PER_LINUX, PER_LINUX32, UNAME26, UNAME26 with PER_LINUX32, and asking for the present one. */
const harmlessPersonalities = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];
/** All CLONE_NEW* flags: making namespaces is what CAP_SYS_ADMIN is for. */
const namespaceFlags = 0x7e020000;
const noSuchCall = 38;
const s390 = ['s390', 's390x'];

function allow(calls: string, more: Partial<SeccompProfileRule> = {}): SeccompProfileRule {
  return { names: words(calls), action: 'SCMP_ACT_ALLOW', ...more };
}

function equals(index: number, value: number): SeccompArgument {
  return { index, value, op: 'SCMP_CMP_EQ' };
}

function noneOf(index: number, flags: number): SeccompArgument {
  return { index, value: flags, op: 'SCMP_CMP_MASKED_EQ' };
}

const unlessAdministrator = ['CAP_SYS_ADMIN'];

export const defaultSeccompProfile: SeccompProfile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 1,
  archMap: Object.entries(relatedArchitectures).map(([name, related]) => ({
    architecture: `SCMP_ARCH_${name}`,
    subArchitectures: related.map((other) => `SCMP_ARCH_${other}`),
  })),
  syscalls: [
    allow(everydayCalls),
    // Before Linux 4.8 a tracer could get around the filter.
    allow('process_vm_readv process_vm_writev ptrace', { includes: { minKernel: '4.8' } }),
    allow('socket', { args: [{ index: 0, value: addressFamilyVsock, op: 'SCMP_CMP_NE' }] }),
    ...harmlessPersonalities.map((value) => allow('personality', { args: [equals(0, value)] })),
    ...callsOfArchitectures.map(([arches, calls]) => allow(calls, { includes: { arches } })),
    ...Object.entries(callsOfCapabilities).map(([name, calls]) => allow(calls, { includes: { caps: [name] } })),
    allow('clone', { args: [noneOf(0, namespaceFlags)], excludes: { caps: unlessAdministrator, arches: s390 } }),
    // There the flags are the second argument.
    allow('clone', { args: [noneOf(1, namespaceFlags)], includes: { arches: s390 }, excludes: { caps: unlessAdministrator } }),
    // Its flags lie in memory, out of a filter's sight: C libraries then fall back to clone.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: noSuchCall, excludes: { caps: unlessAdministrator } },
  ],
};
