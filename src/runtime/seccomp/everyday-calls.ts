/** System calls that every container may make, grouped by what they are for. */

const files = `
  open openat openat2 creat close close_range read pread64 readv preadv preadv2 write pwrite64 writev pwritev pwritev2
  lseek _llseek dup dup2 dup3 fcntl fcntl64 ioctl flock fsync fdatasync sync syncfs sync_file_range readahead
  sendfile sendfile64 splice tee vmsplice copy_file_range fallocate fadvise64 fadvise64_64
  truncate truncate64 ftruncate ftruncate64 name_to_handle_at`;

const fileNames = `
  access faccessat faccessat2 chdir fchdir getcwd mkdir mkdirat rmdir mknod mknodat link linkat symlink symlinkat
  readlink readlinkat unlink unlinkat rename renameat renameat2 getdents getdents64
  stat stat64 fstat fstat64 fstatat64 lstat lstat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 statmount listmount
  umask chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
  utime utimes utimensat utimensat_time64 futimesat`;

const extendedAttributes = `
  getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat
  listxattr llistxattr flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`;

const waitingForFiles = `
  select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2
  eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
  inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
  io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64`;

const memory = `
  brk mmap mmap2 munmap mremap mprotect madvise mincore msync mseal mlock mlock2 mlockall munlock munlockall
  remap_file_pages memfd_create memfd_secret membarrier map_shadow_stack pkey_alloc pkey_free pkey_mprotect cachestat`;

const processes = `
  fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill
  getpid getppid gettid getpgid getpgrp getsid setpgid setsid
  pidfd_open pidfd_send_signal process_mrelease prctl rseq uretprobe restart_syscall
  get_thread_area set_thread_area set_tid_address get_robust_list set_robust_list
  futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue
  seccomp landlock_add_rule landlock_create_ruleset landlock_restrict_self`;

const signals = `
  rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn pause alarm getitimer setitimer`;

const identity = `
  getuid getuid32 getgid getgid32 geteuid geteuid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
  setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32
  setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32 capget capset`;

const scheduling = `
  sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
  sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
  sched_rr_get_interval sched_rr_get_interval_time64 sched_yield getcpu getpriority setpriority ioprio_get ioprio_set
  getrlimit ugetrlimit setrlimit prlimit64 getrusage times`;

const time = `
  time gettimeofday adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
  clock_nanosleep clock_nanosleep_time64 nanosleep timer_create timer_delete timer_getoverrun
  timer_gettime timer_gettime64 timer_settime timer_settime64`;

const sockets = `
  socketcall socketpair bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
  send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`;

const communication = `
  pipe pipe2 ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
  mq_open mq_unlink mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64`;

const system = 'uname sysinfo getrandom riscv_hwprobe';

/** Names with white space between them. */
export const everydayCalls = [
  files,
  fileNames,
  extendedAttributes,
  waitingForFiles,
  memory,
  processes,
  signals,
  identity,
  scheduling,
  time,
  sockets,
  communication,
  system,
].join(' ');
