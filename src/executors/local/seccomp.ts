/**
 * The system calls that an instance may not make. Its process has no capability anyway; this list closes what the
 * kernel offers to everyone or guards by namespace alone: a bug behind one of these is out of a job's reach.
 */

const EPERM = 1;
const ENOSYS = 38;
/** Bits of clone's flags that make a new user namespace. */
const CLONE_NEWUSER = 0x10000000;
/** Sockets between a virtual machine and what runs it: no network namespace holds them. */
const AF_VSOCK = 40;

/** Loading code into the kernel, changing mounts, time, hosts' state, tracing the kernel, keys, old ABIs. */
const REFUSED = [
  'acct',
  'add_key',
  'bpf',
  'clock_adjtime',
  'clock_settime',
  'create_module',
  'delete_module',
  'fanotify_init',
  'finit_module',
  'fsconfig',
  'fsmount',
  'fsopen',
  'fspick',
  'get_kernel_syms',
  'init_module',
  'io_uring_enter',
  'io_uring_register',
  'io_uring_setup',
  'ioperm',
  'iopl',
  'kcmp',
  'kexec_file_load',
  'kexec_load',
  'keyctl',
  'lookup_dcookie',
  'mount',
  'mount_setattr',
  'move_mount',
  'name_to_handle_at',
  'nfsservctl',
  'open_by_handle_at',
  'open_tree',
  'perf_event_open',
  'pivot_root',
  'process_vm_readv',
  'process_vm_writev',
  'query_module',
  'quotactl',
  'quotactl_fd',
  'reboot',
  'request_key',
  'setdomainname',
  'sethostname',
  'setns',
  'settimeofday',
  'swapoff',
  'swapon',
  'sysfs',
  '_sysctl',
  'umount',
  'umount2',
  'unshare',
  'uselib',
  'userfaultfd',
  'ustat',
  'vhangup',
  'vm86',
  'vm86old',
];

/** The `seccomp` part of an OCI configuration. */
export const seccomp = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: REFUSED, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM },
    {
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: CLONE_NEWUSER, valueTwo: CLONE_NEWUSER, op: 'SCMP_CMP_MASKED_EQ' }],
    },
    {
      names: ['socket'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: EPERM,
      args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_EQ' }],
    },
    // Its flags lie in memory where no filter can look; libraries fall back to clone on ENOSYS.
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
  ],
};
