/** Builds the OCI configuration of an instance. Pure: facts in, one object out; nothing is touched. */
import type { Secret } from '../../shared/secret.ts';
import type { InstanceSpec } from '../executor.ts';
import { isShellName, requiresBash, searchPath, shellText } from '../shell-input.ts';
import type { HostParts } from './host-view.ts';
import type { ProcessLimits } from './inherited-limits.ts';
import { seccomp } from './seccomp.ts';

/** Where a built service finds its project. */
export const PROJECT = '/opt/render/project/src';
export const HOME = '/opt/render';
/** Above this a command is handed over as a file: one argument of an exec may have 128 KiB. */
const MAX_ARGUMENT_BYTES = 100 * 1024;
/** What is known only when the job is: written by `writeOrders`, read by the first process. */
const ORDERS_FOLDER = '/run/errand';
export const ORDERS_FILE = 'orders';
export const COMMAND_FILE = 'command';
/** The first process has the ticket's folder open at this descriptor, and nobody inside has a path to it. */
export const TICKET_FD = 3;
/** From here it reads the word that lets it go. */
export const WORD_FD = 4;

export interface Mount {
  destination: string;
  type?: string;
  source: string;
  options: string[];
}

/** Where the parts of one instance lie on the host. */
export interface InstancePaths {
  rootfs: string;
  /** The uppermost layer of its /etc. */
  etc: string;
  home: string;
  tmp: string;
  upper: string;
  work: string;
  /** Files that hold secrets; in memory where the host allows. */
  secrets: string;
  /** Names of those that are also shown in the root of the project. */
  projectSecrets: string[];
  /** Folder of the orders. */
  orders: string;
}

export interface HostFacts extends HostParts, ProcessLimits {
  /** The unprivileged user of instances. */
  uid: number;
  gid: number;
  hasBash: boolean;
  init: string;
  network: 'host' | 'none';
  userNamespace: boolean;
  cgroupMounts: { destination: string; source: string }[];
  /** Where the runtime makes the cgroup itself. */
  runtimeCgroup?: string;
}

/** What instances of the same snapshot and limits have in common: they can be made before it is known for which job. */
export type SharedSpec = Pick<
  InstanceSpec,
  'environment' | 'secretFiles' | 'project' | 'workingDirectory' | 'limits' | 'needsNetwork'
>;

/** What of an instance is not its own alone: variables that hold its id are. */
export function sharedOf(spec: InstanceSpec): SharedSpec {
  const { environment, secretFiles, project, workingDirectory, limits, needsNetwork } = spec;
  const isShared = ([, value]: [string, Secret]): boolean => value.reveal() !== spec.id;
  return {
    environment: Object.fromEntries(Object.entries(environment).filter(isShared)),
    secretFiles,
    project,
    workingDirectory,
    limits,
    ...(needsNetwork ? { needsNetwork } : {}),
  };
}

/** Whether the command must be read from a file of its own. */
export const needsCommandFile = (command: string): boolean => Buffer.byteLength(command) > MAX_ARGUMENT_BYTES;

/**
 * What the first process reads before it runs the command: a shell text that sets variables and its first argument.
 * Variables come this way, and not with the first process itself: some make a program load code or mean something to a
 * shell, and nothing of a service may run, print or fail before there is a job. Names that a shell cannot set mean
 * nothing to it or a loader either: `processEnvironment` has those.
 */
export function orders(command: string, environment: InstanceSpec['environment']): string {
  const given = needsCommandFile(command)
    ? `eval "$(cat ${ORDERS_FOLDER}/${COMMAND_FILE})"`
    : shellText(command);
  const exports = Object.entries(environment)
    .filter(([key]) => isShellName(key))
    .map(([key, value]) => [key, key === 'PATH' ? searchPath(value.reveal(), DEFAULTS.PATH) : value.reveal()])
    // As `command`: a shell that keeps a name to itself must go on all the same.
    .map(([key, value]) => `command export ${key}=${quote(value!)}\n`);
  return `{ :\n${exports.join('')}} 2>/dev/null\nset -- ${quote(given)}\n`;
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The whole `config.json` of an instance. @throws when a variable cannot reach it. @param name of its supervisor; it is the host name as well */
export function ociConfig(
  name: string,
  spec: SharedSpec,
  paths: InstancePaths,
  host: HostFacts,
): Record<string, unknown> {
  return {
    ociVersion: '1.0.2',
    hostname: name,
    root: { path: paths.rootfs, readonly: true },
    process: {
      terminal: false,
      user: { uid: host.uid, gid: host.gid },
      args: processArguments(spec, host),
      env: Object.entries({ ...DEFAULTS, ...unsettable(spec) }).map(([key, value]) => `${key}=${value}`),
      cwd: spec.workingDirectory === '' ? PROJECT : `${PROJECT}/${spec.workingDirectory}`,
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      noNewPrivileges: true,
      rlimits: [{ type: 'RLIMIT_CORE', soft: host.coreBytes, hard: host.coreBytes }],
      oomScoreAdj: host.oomScoreAdj,
    },
    mounts: mounts(spec, paths, host),
    linux: linux(spec, host),
  };
}

/**
 * The first process waits for the word, reads its orders, takes the ticket (noclobber opens with O_EXCL), and lets go
 * of its folder, so that no command can undo or forge what was taken. Then it becomes the reaper, which runs the
 * command. Without the word or the ticket it ends before that.
 */
function processArguments(spec: SharedSpec, host: HostFacts): string[] {
  const shell = host.hasBash ? 'bash' : 'sh';
  // Others drop what they cannot set.
  const first = requiresBash(spec.environment, host.hasBash) ? '/bin/bash' : '/bin/sh';
  return [
    first,
    '-c',
    [
      `read -r __errand <&${WORD_FD} && [ "$__errand" = go ] || exit 125`,
      'unset __errand',
      `. ${ORDERS_FOLDER}/${ORDERS_FILE}`,
      `set -C; { : > /proc/self/fd/${TICKET_FD}/ticket; } 2>/dev/null || exit 125`,
      `exec ${TICKET_FD}<&- ${WORD_FD}<&-`,
      `exec ${host.init} -- ${shell} -c -- "$1"`,
    ].join('; '),
    'errand',
  ];
}

/** Variables whose names no shell can set. */
const unsettable = ({ environment }: SharedSpec): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment)
      .filter(([key]) => !isShellName(key))
      .map(([key, value]) => [key, value.reveal()]),
  );

/** Variables that a service's own win over. */
const DEFAULTS = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME,
  USER: 'errand',
  LANG: 'C.UTF-8',
};

const bind = (source: string, destination: string, ...options: string[]): Mount => ({
  destination,
  type: 'bind',
  source,
  // Private: a bind mount belongs to the group of mounts that it was made from. Where the host's are shared, as systemd
  // makes them, whatever an instance mounts on it would appear on the host, and stay there.
  options: ['rbind', 'rprivate', 'nosuid', 'nodev', ...options],
});
const memory = (destination: string, ...options: string[]): Mount => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options: ['nosuid', 'nodev', ...options],
});

function mounts(spec: SharedSpec, paths: InstancePaths, host: HostFacts): Mount[] {
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=64k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
    },
    // Names take memory of the kernel, which an old one counts for nobody.
    memory('/dev/shm', 'noexec', 'mode=1777', `size=${sharedMemoryBytes(spec)}`, 'nr_inodes=65536'),
    memory('/run', 'mode=755', 'size=1m'),
    layers('/etc', [paths.etc, ...host.etcLayers], host),
    layers('/opt', host.optLayers, host),
    ...[...host.mountedBelow, ...host.toolchains].map((path) => bind(path, path, 'ro')),
    bind(paths.tmp, '/tmp'),
    bind(paths.tmp, '/var/tmp'),
    bind(paths.home, HOME),
    ...projectMounts(spec, paths, host),
    bind(paths.orders, ORDERS_FOLDER, 'ro'),
    ...secretMounts(spec, paths),
    ...cgroupMounts(host),
  ];
}

/** Among the options of an overlay a comma ends a path, and a colon begins the next. */
const overlayPath = (path: string): string => path.replaceAll(/[\\:,]/g, '\\$&');

/** Folders of the host laid over each other, the uppermost first; nobody can write to them. */
const layers = (destination: string, folders: string[], { userNamespace }: HostFacts): Mount => ({
  destination,
  type: 'overlay',
  source: 'overlay',
  options: [
    'ro',
    'nosuid',
    'nodev',
    `lowerdir=${folders.map(overlayPath).join(':')}`,
    ...(userNamespace ? ['userxattr'] : []),
  ],
});

/** Half of the instance's memory, to which what lies there counts, and never less than container engines give. */
const sharedMemoryBytes = ({ limits }: SharedSpec): number =>
  Math.max(64 * 2 ** 20, Math.floor(limits.memoryBytes / 2));

function projectMounts(spec: SharedSpec, paths: InstancePaths, host: HostFacts): Mount[] {
  if (spec.project.kind === 'writable') {
    return [bind(spec.project.tree, PROJECT), bind(spec.project.cache, `${HOME}/.cache`)];
  }
  const folders = [
    `lowerdir=${overlayPath(spec.project.tree)}`,
    `upperdir=${overlayPath(paths.upper)}`,
    `workdir=${overlayPath(paths.work)}`,
  ];
  // In a user namespace overlayfs may not use its trusted attributes. With others it can remove a folder of the build,
  // but never rename one: the kernel refuses both options together.
  const attributes = host.userNamespace ? 'userxattr' : 'redirect_dir=on';
  return [
    {
      destination: PROJECT,
      type: 'overlay',
      source: 'overlay',
      options: ['nosuid', 'nodev', ...folders, attributes],
    },
  ];
}

/** At /etc/secrets, and where possible in the root of the project, where many frameworks look for their `.env`. */
function secretMounts(spec: SharedSpec, paths: InstancePaths): Mount[] {
  if (spec.secretFiles.length === 0) return [];
  return [
    bind(paths.secrets, '/etc/secrets', 'ro'),
    ...paths.projectSecrets.map((name) => bind(`${paths.secrets}/${name}`, `${PROJECT}/${name}`, 'ro')),
  ];
}

/** Where runtimes of languages read their limits. */
function cgroupMounts(host: HostFacts): Mount[] {
  if (host.runtimeCgroup === undefined) {
    return host.cgroupMounts.map(({ source, destination }) => bind(source, destination, 'ro', 'noexec'));
  }
  const options = ['ro', 'nosuid', 'noexec', 'nodev'];
  return [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options }];
}

function linux(spec: SharedSpec, host: HostFacts): Record<string, unknown> {
  const identity = [{ containerID: 0, hostID: 0, size: 65_536 }];
  const namespaces = ['pid', 'mount', 'ipc', 'uts', 'cgroup'];
  if (host.network === 'none' && !spec.needsNetwork) namespaces.push('network');
  if (host.userNamespace) namespaces.push('user');
  return {
    namespaces: namespaces.map((type) => ({ type })),
    ...(host.userNamespace ? { uidMappings: identity, gidMappings: identity } : {}),
    ...(host.runtimeCgroup ? runtimeCgroup(spec, host.runtimeCgroup) : {}),
    seccomp,
    rootfsPropagation: 'private',
    maskedPaths: [
      '/proc/acpi',
      '/proc/asound',
      '/proc/kcore',
      '/proc/keys',
      '/proc/latency_stats',
      '/proc/sched_debug',
      '/proc/scsi',
      '/proc/timer_list',
      '/proc/timer_stats',
    ],
    readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
  };
}

/** For runtimes that insist on making the cgroup themselves. */
function runtimeCgroup({ limits }: SharedSpec, path: string): Record<string, unknown> {
  const period = 100_000;
  return {
    cgroupsPath: path,
    resources: {
      memory: { limit: limits.memoryBytes, swap: limits.memoryBytes },
      cpu: { quota: (period * limits.cpuMillis) / 1000, period },
      pids: { limit: limits.pids },
    },
  };
}
