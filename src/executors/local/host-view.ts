/**
 * What instances see of this host, shared read-only by all: an empty root with the mount points, the folders with its
 * programs, /etc and /opt. The last two are the host's own under layers of Errand's, laid over each other anew for each
 * instance, so that what changes on the host reaches the next one. The kernel decides what an instance's user may read
 * there, as on the host; the layers cover what is secret all the same and what each instance has of its own.
 */
import { createHash, createHmac } from 'node:crypto';
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type Mount, mountTable } from '../../shared/mount-table.ts';
import { HIDDEN_IN_ETC } from './hidden-in-etc.ts';
import type { BareView } from './launcher.ts';
import { findProgram, run } from './runtime.ts';

/** Top-level folders of the host that hold programs and libraries. */
const TOP_LEVEL = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr', 'nix', 'snap'];
/** Of these each instance has its own, or the content at the time when it was made. */
const OF_EACH_INSTANCE = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/secrets'];
const EMPTY = [
  'proc',
  'dev',
  'sys/fs/cgroup',
  'run',
  'tmp',
  'var/tmp',
  'etc',
  'opt',
  'root',
  'home',
  'srv',
  'mnt',
];
/** A change of one of these is a change of what instances see; files of theirs are read when a program opens them. */
const WATCHED = [
  '/',
  '/etc',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/etc/alternatives',
  '/etc/ssl',
  '/etc/ssl/certs',
  '/etc/pki',
  '/etc/pki/tls',
];
/** How long a mount of the host may stay unnoticed: the list of all is long on some. */
const MOUNTS_AGE_MS = 1000;

/** What an instance is made of that is the host's, as it is now. */
export interface HostParts {
  /** Folders that are shown as they are. */
  toolchains: string[];
  /** Layers of /etc under the one that is the instance's own, the uppermost first. */
  etcLayers: string[];
  optLayers: string[];
  /** Mount points below /etc and /opt: a layer shows what is under a mount. */
  mountedBelow: string[];
  /** Contents of /etc/hosts and /etc/resolv.conf, wherever links lead. */
  hosts: string;
  resolvConf: string;
}

export class HostView {
  readonly rootfs: string;
  /**
   * What the layers of /etc and /opt are taken from: the kernel refuses a layer in a user namespace that would show what
   * a mount hides.
   */
  readonly bareViews: BareView[] = [];
  readonly #folder: string;
  readonly #user: { uid: number; gid: number };
  readonly #bare: { etc: string; opt: string };
  #stamp = '';
  #mountsReadAt = Number.NEGATIVE_INFINITY;
  #seen = '';
  #isOptMounted = false;
  #parts: HostParts | undefined;

  /**
   * Makes the shared parts below `folder`.
   * @param cgroupDestinations mount points below /sys/fs/cgroup
   * @param bareFolder in which whoever makes instances has the `bareViews`; without, instances with user namespaces
   * cannot be made where something is mounted below /etc or /opt
   */
  constructor(
    folder: string,
    user: { uid: number; gid: number },
    cgroupDestinations: string[],
    bareFolder?: string,
  ) {
    this.#folder = folder;
    this.#user = user;
    const bare = (path: string): string => (bareFolder === undefined ? path : join(bareFolder, path));
    this.#bare = { etc: bare('/etc'), opt: bare('/opt') };
    for (const each of bareFolder === undefined ? [] : ['/etc', '/opt']) {
      mkdirSync(bare(each), { recursive: true });
      if (existsSync(each)) this.bareViews.push({ folder: each, place: bare(each) });
    }
    this.rootfs = join(folder, 'rootfs');
    for (const name of [...EMPTY, ...cgroupDestinations])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    mkdirSync(join(folder, 'opt', 'render'), { recursive: true });
    mkdirSync(join(folder, 'empty'), { recursive: true });
    this.refresh();
  }

  /** As they were found last. */
  get parts(): HostParts {
    return this.#parts!;
  }

  /**
   * Looks whether the host has changed, and takes that up. A few microseconds when it has not.
   * @returns the same text as long as instances would see the same
   */
  refresh(): string {
    let seen = this.#look();
    const nowMs = performance.now();
    if (this.#parts && seen === this.#seen && nowMs - this.#mountsReadAt < MOUNTS_AGE_MS) return this.#stamp;
    const table = mountTable();
    this.#mountsReadAt = nowMs;
    const mounted = mountedBelow(table);
    const isOptMounted = table.some(({ target }) => target === '/opt');
    if (isOptMounted !== this.#isOptMounted) {
      this.#isOptMounted = isOptMounted;
      seen = this.#look();
    }
    this.#seen = seen;
    const stamp = [seen, ...mounted].join('\n');
    if (this.#parts && stamp === this.#stamp) return stamp;
    this.#parts = {
      toolchains: this.#toolchains(),
      etcLayers: [this.#etcLayer(), this.#bare.etc],
      optLayers: [join(this.#folder, 'opt'), this.#showsOpt() ? this.#bare.opt : join(this.#folder, 'empty')],
      mountedBelow: mounted,
      hosts: readIfThere('/etc/hosts'),
      resolvConf: readIfThere('/etc/resolv.conf'),
    };
    this.#stamp = stamp;
    return stamp;
  }

  #look(): string {
    // A mounted /opt is not asked: one whose server is away would not answer.
    return [...WATCHED, ...(this.#isOptMounted ? [] : ['/opt'])].map(stampOf).join('\n');
  }

  #showsOpt(): boolean {
    return this.#isOptMounted || ((statIfThere('/opt')?.mode ?? 0n) & 0o001n) !== 0n;
  }

  /** Running instances have this root: what stands in it stays. */
  #toolchains(): string[] {
    return TOP_LEVEL.filter((name) => {
      const [source, place] = [`/${name}`, join(this.rootfs, name)];
      const found = lstatSync(source, { throwIfNoEntry: false });
      if (!found) return false;
      const standing = lstatSync(place, { throwIfNoEntry: false });
      if (standing) return standing.isDirectory();
      if (found.isSymbolicLink()) symlinkSync(readlinkSync(source), place);
      else mkdirSync(place);
      return !found.isSymbolicLink();
    }).map((name) => `/${name}`);
  }

  /** Accounts, an id of the machine, and what is hidden. A new folder for each content: instances keep theirs. */
  #etcLayer(): string {
    const { uid, gid } = this.#user;
    const files = {
      passwd: `root:x:0:0:root:/root:/bin/sh\nerrand:x:${uid}:${gid}:errand:/opt/render:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
      group: `root:x:0:\nerrand:x:${gid}:\nnogroup:x:65534:\n`,
      'machine-id': machineId(),
    };
    const hidden = [...HIDDEN_IN_ETC, 'secrets'].filter((path) => standsInFolders(`/etc/${path}`));
    const parents = [...new Set(hidden.flatMap(foldersAbove))].map((path) => {
      const stats = statIfThere(`/etc/${path}`);
      // One that went just now is seen by nobody.
      return {
        path,
        mode: Number(stats?.mode ?? 0) & 0o7777,
        owner: Number(stats?.uid ?? 0),
        group: Number(stats?.gid ?? 0),
      };
    });
    const content = JSON.stringify({ files, hidden, parents });
    const name = join(this.#folder, `etc-${createHash('sha256').update(content).digest('hex').slice(0, 16)}`);
    if (existsSync(name)) return name;
    const fresh = join(this.#folder, `etc-new-${process.pid}`);
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { mode: 0o755 });
    for (const { path, mode, owner, group } of parents) {
      mkdirSync(join(fresh, path));
      chownSync(join(fresh, path), owner, group);
      chmodSync(join(fresh, path), mode);
    }
    for (const [file, text] of Object.entries(files)) writeFileSync(join(fresh, file), text, { mode: 0o444 });
    // An overlay takes a device 0/0 for "there is nothing here, whatever is below".
    const [whiteout, ...others] = hidden.map((path) => join(fresh, path));
    run(findProgram('mknod') ?? 'mknod', [whiteout!, 'c', '0', '0']);
    for (const path of others) linkSync(whiteout!, path);
    renameSync(fresh, name);
    return name;
  }
}

/** An id that is the same for all instances of this host and tells nothing of the host's own, which is confidential. */
function machineId(): string {
  const own = readIfThere('/etc/machine-id').trim();
  return `${createHmac('sha256', own).update('errand').digest('hex').slice(0, 32)}\n`;
}

function stampOf(path: string): string {
  const stats = statIfThere(path);
  return stats ? `${stats.dev} ${stats.ino} ${stats.ctimeNs}` : '';
}

/** Of what a link leads to; undefined also where it leads in a circle. */
function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** `a/b/c` is in `a` and `a/b`. */
function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === '.' ? [] : [...foldersAbove(above), above];
}

/** Whether all above a path are folders and no links: a layer would cover a link with a folder. */
function standsInFolders(path: string): boolean {
  return foldersAbove(path.slice('/etc/'.length)).every(
    (folder) => lstatSync(`/etc/${folder}`, { throwIfNoEntry: false })?.isDirectory() === true,
  );
}

/**
 * Mount points below /etc and /opt that are not below another, less what is hidden or an instance's own. None is looked
 * at: one whose server is away would not answer.
 */
function mountedBelow(table: readonly Mount[]): string[] {
  const covered = [...OF_EACH_INSTANCE, ...HIDDEN_IN_ETC.map((path) => `/etc/${path}`), '/opt/render'];
  const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);
  const targets = new Set(table.map(({ target }) => target).filter((path) => /^\/(?:etc|opt)\//.test(path)));
  const shown = [...targets].filter(
    (path) =>
      !covered.some((one) => path === one || isBelow(path, one)) &&
      // What was mounted on something that is gone.
      !path.endsWith('//deleted'),
  );
  return shown.filter((path) => !shown.some((other) => isBelow(path, other))).sort();
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
