/**
 * The parts of the host that every instance sees: an empty root with the mount points, and a minimal /etc. Made once
 * at start-up and shared read-only by all instances.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** Top-level folders of the host that hold programs and libraries. /opt is shown entry by entry, beside the project. */
const TOP_LEVEL = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr', 'nix', 'snap'];
/** Entries of /etc that programs need and that hold no secret. */
const ETC = [
  'alternatives',
  'bash.bashrc',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'debian_version',
  'fonts',
  'gai.conf',
  'host.conf',
  'inputrc',
  'java-17-openjdk',
  'java-21-openjdk',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'locale.alias',
  'locale.conf',
  'localtime',
  'magic',
  'mailcap',
  'mime.types',
  'nsswitch.conf',
  'os-release',
  'pki',
  'protocols',
  'python3',
  'python3.11',
  'python3.12',
  'python3.13',
  'rpc',
  'services',
  'ssl',
  'timezone',
  'xattr.conf',
];
/** Private keys may lie below /etc/ssl. */
const ETC_REFUSED = /^(?:\/etc\/ssl\/private|\/etc\/pki\/.*private)(?:\/|$)/;
const LIVE_ETC = ['/etc/resolv.conf', '/etc/hosts'];
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

export interface HostView {
  rootfs: string;
  etc: string;
  toolchains: string[];
  liveEtc: string[];
}

/** Makes the shared parts below `folder`. @param cgroupDestinations mount points below /sys/fs/cgroup */
export function makeHostView(
  folder: string,
  user: { uid: number; gid: number },
  cgroupDestinations: string[],
): HostView {
  const rootfs = join(folder, 'rootfs');
  const toolchains: string[] = [];
  for (const name of [...EMPTY, ...cgroupDestinations]) mkdirSync(join(rootfs, name), { recursive: true });
  for (const name of TOP_LEVEL) {
    const stats = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (!stats) continue;
    if (stats.isSymbolicLink()) {
      rmSync(join(rootfs, name), { force: true, recursive: true });
      symlinkSync(readlinkSync(`/${name}`), join(rootfs, name));
    } else {
      mkdirSync(join(rootfs, name), { recursive: true });
      toolchains.push(`/${name}`);
    }
  }
  for (const name of existsSync('/opt') ? readdirSync('/opt') : []) {
    if (name !== 'render' && lstatSync(`/opt/${name}`).isDirectory()) toolchains.push(`/opt/${name}`);
  }
  return {
    rootfs,
    etc: makeEtc(folder, user),
    toolchains,
    liveEtc: LIVE_ETC.filter((file) => existsSync(file)),
  };
}

/** A new folder for each content: running instances keep the one they were given. */
function makeEtc(folder: string, user: { uid: number; gid: number }): string {
  const fresh = join(folder, `etc-new-${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(join(fresh, 'secrets'), { recursive: true });
  for (const name of ETC) {
    const source = `/etc/${name}`;
    if (!lstatSync(source, { throwIfNoEntry: false })) continue;
    cpSync(source, join(fresh, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !ETC_REFUSED.test(path) && isPlain(path),
    });
  }
  writeFileSync(
    join(fresh, 'passwd'),
    `root:x:0:0:root:/root:/bin/sh\nerrand:x:${user.uid}:${user.gid}:errand:/opt/render:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n`,
  );
  writeFileSync(join(fresh, 'group'), `root:x:0:\nerrand:x:${user.gid}:\nnogroup:x:65534:\n`);
  for (const file of LIVE_ETC) writeFileSync(join(fresh, file.slice('/etc/'.length)), '');
  const name = join(folder, `etc-${contentHash(fresh)}`);
  if (existsSync(name)) rmSync(fresh, { recursive: true, force: true });
  else renameSync(fresh, name);
  return name;
}

function isPlain(path: string): boolean {
  const stats = lstatSync(path);
  return stats.isFile() || stats.isDirectory() || stats.isSymbolicLink();
}

function contentHash(folder: string): string {
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true }) as string[];
  for (const name of names.sort()) {
    const path = join(folder, name);
    const stats = lstatSync(path);
    hash.update(`${name}\0`);
    if (stats.isFile()) hash.update(readFileSync(path));
    else if (stats.isSymbolicLink()) hash.update(readlinkSync(path));
  }
  return hash.digest('hex').slice(0, 16);
}
