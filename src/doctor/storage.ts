/** Where the server keeps its files: how that is mounted, and how much room there is. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Mount, mountOf } from '../shared/mount-table.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

/** Locks do not hold there, and no overlay can be written to. */
const NETWORK = [
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'smbfs',
  '9p',
  'afs',
  'ceph',
  'fuse.sshfs',
  'fuse.glusterfs',
  'lustre',
];
/** An instance makes a dozen files and folders, a build thousands. */
const FEW_INODES = 1000;
const ENOUGH_INODES = 20_000;
const ENOUGH_BYTES = 2 ** 30;

/**
 * Where the descriptions of instances are, which hold secrets: in memory, where the host has a place for that. Stock
 * distributions mount it so that nothing there can be executed.
 */
export const runFolder: Check = {
  id: 'run-folder',
  name: 'run folder',
  essential: true,
  look() {
    const places = ['/run', '/dev/shm'].filter((path) => existsSync(path)).map((path) => mountOf(path));
    const mount = places.find(({ fsType }) => fsType === 'tmpfs');
    if (!mount) return ok('none in memory: what instances are made of lies in the data folder');
    const { target, options } = mount;
    if (options.includes('ro')) {
      return fail(`${target} is mounted read-only`, `remount it: mount -o remount,rw ${target}`);
    }
    if (options.includes('noexec')) return ok(`${target} is mounted noexec; nothing is executed from it`);
    return ok(`${target}, in memory`);
  },
};

/** @param executor only the local one mounts what lies there */
export const dataFolder = (folder: string, executor: 'local' | 'process'): Check => ({
  id: 'data-folder',
  name: 'data folder',
  essential: true,
  look() {
    const verdict = judgeMount(folder, mountOf(folder), executor);
    if (verdict.status === 'failed') return verdict;
    const existing = nearest(folder);
    try {
      accessSync(existing, constants.W_OK);
    } catch {
      return fail(
        `${existing} may not be written by user ${process.getuid?.()}`,
        'be root, or choose another --data-dir',
      );
    }
    return verdict;
  },
});

export function judgeMount(folder: string, mount: Mount, executor: 'local' | 'process'): Verdict {
  const { target, fsType, options } = mount;
  const found = `${folder} on ${fsType}`;
  const elsewhere = 'choose a --data-dir on a disk of this machine: ext4, xfs or btrfs';
  if (options.includes('ro')) return fail(`${found}: ${target} is mounted read-only`, elsewhere);
  if (NETWORK.includes(fsType)) {
    const why = `${found}, a network file system: locks of the database do not hold`;
    return executor === 'local'
      ? fail(`${why}, and instances cannot write`, elsewhere)
      : advise(why, elsewhere);
  }
  if (fsType === 'overlay' && executor === 'local') {
    return fail(
      `${found}, as a container's own files are: instances cannot write on top of it`,
      'give the container a volume, and name it in --data-dir',
    );
  }
  if (fsType === 'tmpfs' || fsType === 'ramfs') {
    return advise(`${found}: in memory, gone when the host restarts`, elsewhere);
  }
  const flags = ['noexec', 'nosuid', 'nodev'].filter((flag) => options.includes(flag));
  if (flags.length === 0) return ok(found);
  return ok(`${found}; ${target} is mounted ${flags.join(', ')}, which instances do not mind`);
}

export interface Room {
  freeBytes: number;
  freeInodes: number;
  /** 0 where the file system makes them as they are needed. */
  allInodes: number;
}

export const roomOf = (folder: string): Room => {
  const { bavail, bsize, ffree, files } = statfsSync(nearest(folder));
  return { freeBytes: bavail * bsize, freeInodes: ffree, allInodes: files };
};

export const disk = (folder: string, reserveBytes: number): Check => ({
  id: 'disk',
  name: 'free disk',
  essential: true,
  look: () => judgeDisk(folder, roomOf(folder), reserveBytes),
});

export function judgeDisk(folder: string, { freeBytes }: Room, reserveBytes: number): Verdict {
  const found = `${size(freeBytes)} free at ${folder}`;
  if (freeBytes < reserveBytes) {
    return fail(
      `disk full: ${found}, less than the reserve of ${size(reserveBytes)}; no new jobs are accepted`,
      'make room, shorten --log-retention, or choose another --data-dir',
    );
  }
  return freeBytes < reserveBytes + ENOUGH_BYTES ? advise(found, 'builds need more: make room') : ok(found);
}

export const inodes = (folder: string): Check => ({
  id: 'inodes',
  name: 'free inodes',
  essential: true,
  look: () => judgeInodes(folder, roomOf(folder)),
});

export function judgeInodes(folder: string, { freeInodes, allInodes }: Room): Verdict {
  if (allInodes === 0) return ok('made by the file system as they are needed');
  const found = `${freeInodes} of ${allInodes} free at ${folder}`;
  const advice =
    'remove files that are not needed (many small ones), or use a file system made with more inodes';
  if (freeInodes < FEW_INODES) return fail(`inodes gone: ${found}; no instance can be made`, advice);
  return freeInodes < ENOUGH_INODES ? advise(found, advice) : ok(found);
}

/** The folder itself, or the one above it that exists. */
export function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** `1.5 GB`; units are binary, as those of the settings. */
function size(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let rest = bytes;
  for (; rest >= 1024 && unit < units.length - 1; unit++) rest /= 1024;
  return `${rest >= 100 || unit === 0 ? Math.floor(rest) : rest.toFixed(1)} ${units[unit]}`;
}
