/**
 * Errand's seccomp list as a program for the kernel, for tools that take one compiled. x86-64 only: numbers of system
 * calls belong to an architecture.
 */
import { seccomp } from '../../src/executors/local/seccomp.ts';

const NUMBERS: Record<string, number> = {
  acct: 163,
  add_key: 248,
  bpf: 321,
  clock_adjtime: 305,
  clock_settime: 227,
  create_module: 174,
  delete_module: 176,
  fanotify_init: 300,
  finit_module: 313,
  fsconfig: 431,
  fsmount: 432,
  fsopen: 430,
  fspick: 433,
  get_kernel_syms: 177,
  init_module: 175,
  io_uring_enter: 426,
  io_uring_register: 427,
  io_uring_setup: 425,
  ioperm: 173,
  iopl: 172,
  kcmp: 312,
  kexec_file_load: 320,
  kexec_load: 246,
  keyctl: 250,
  lookup_dcookie: 212,
  mount: 165,
  mount_setattr: 442,
  move_mount: 429,
  name_to_handle_at: 303,
  nfsservctl: 180,
  open_by_handle_at: 304,
  open_tree: 428,
  perf_event_open: 298,
  pivot_root: 155,
  process_vm_readv: 310,
  process_vm_writev: 311,
  query_module: 178,
  quotactl: 179,
  quotactl_fd: 443,
  reboot: 169,
  request_key: 249,
  setdomainname: 171,
  sethostname: 170,
  setns: 308,
  settimeofday: 164,
  swapoff: 168,
  swapon: 167,
  sysfs: 139,
  _sysctl: 156,
  umount2: 166,
  unshare: 272,
  uselib: 134,
  userfaultfd: 323,
  ustat: 136,
  vhangup: 153,
};
const CLONE = 56;
const CLONE3 = 435;
const CLONE_NEWUSER = 0x10000000;
const [EPERM, ENOSYS] = [1, 38];
const AUDIT_ARCH_X86_64 = 0xc000003e;

const [LOAD, JUMP_EQUAL, JUMP_SET, RETURN] = [0x20, 0x15, 0x45, 0x06];
const [ALLOW, KILL, ERRNO] = [0x7fff0000, 0x80000000, 0x00050000];
/** Offsets in the kernel's struct seccomp_data. */
const [NUMBER, ARCHITECTURE, FIRST_ARGUMENT] = [0, 4, 16];

type Instruction = [code: number, ifTrue: number, ifFalse: number, value: number];

/** The program's bytes, or undefined on an architecture for which the numbers are not known here. */
export function seccompProgram(): Buffer | undefined {
  if (process.arch !== 'x64') return undefined;
  const refused = seccomp.syscalls[0]!.names.flatMap((name) => NUMBERS[name] ?? []);
  const refuse = (code: number): Instruction => [RETURN, 0, 0, ERRNO | code];
  const program: Instruction[] = [
    [LOAD, 0, 0, ARCHITECTURE],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH_X86_64],
    [RETURN, 0, 0, KILL],
    [LOAD, 0, 0, NUMBER],
    ...refused.flatMap((number): Instruction[] => [[JUMP_EQUAL, 0, 1, number], refuse(EPERM)]),
    [JUMP_EQUAL, 0, 1, CLONE3],
    refuse(ENOSYS),
    [JUMP_EQUAL, 0, 3, CLONE],
    [LOAD, 0, 0, FIRST_ARGUMENT],
    [JUMP_SET, 0, 1, CLONE_NEWUSER],
    refuse(EPERM),
    [RETURN, 0, 0, ALLOW],
  ];
  const bytes = Buffer.alloc(program.length * 8);
  for (const [index, [code, ifTrue, ifFalse, value]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8);
    bytes.writeUInt8(ifTrue, index * 8 + 2);
    bytes.writeUInt8(ifFalse, index * 8 + 3);
    bytes.writeUInt32LE(value >>> 0, index * 8 + 4);
  }
  return bytes;
}
