/** Whether limits can be set where instances will live: the layout of cgroups, the controllers, who may make groups. */
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnified } from '../executors/local/cgroups.ts';
import { hasSystemd } from '../executors/local/jobs-scope.ts';
import { findProgram, run } from '../executors/local/runtime.ts';
import { mountOf } from '../shared/mount-table.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

const MOUNT = '/sys/fs/cgroup';
const NEEDED = ['memory', 'cpu', 'pids'];

export interface CgroupFacts {
  layout: 'cgroup v2' | 'cgroup v1' | 'hybrid cgroups' | 'none';
  /** Controllers that limits are made with and that are not there. */
  missing: string[];
  /** Folders in which groups would be made and cannot be, with the cause. */
  refused: string[];
}

/** @param mount the root of the hierarchies; groups are made there, or below it by systemd */
export function cgroupFacts(mount = MOUNT): CgroupFacts {
  if (existsSync(join(mount, 'cgroup.controllers'))) {
    const missing = lacking(join(mount, 'cgroup.controllers'));
    // Where it hands them down already, nobody has to write to it.
    const subtree = join(mount, 'cgroup.subtree_control');
    const refused = [...refusal(mount), ...(lacking(subtree).length > 0 ? refusal(subtree) : [])];
    return { layout: 'cgroup v2', missing, refused: refused.slice(0, 1) };
  }
  const folders = NEEDED.map((controller) => ({ controller, folder: join(mount, controller) }));
  const missing = folders.filter(({ folder }) => !existsSync(join(folder, 'cgroup.procs')));
  const isHybrid = existsSync(join(mount, 'unified', 'cgroup.procs'));
  return {
    layout: missing.length === NEEDED.length ? 'none' : isHybrid ? 'hybrid cgroups' : 'cgroup v1',
    missing: missing.map(({ controller }) => controller),
    refused: folders.filter((one) => !missing.includes(one)).flatMap(({ folder }) => refusal(folder)),
  };
}

/** @param file in which the kernel lists controllers */
const lacking = (file: string): string[] => NEEDED.filter((one) => !read(file).split(/\s+/).includes(one));

/** Why nothing can be made there, if so. */
function refusal(path: string): string[] {
  try {
    accessSync(path, constants.W_OK);
    return [];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [`${path} is not there`];
    if (code !== 'EROFS') return [`${path}: permission denied`];
    return [`${mountOf(path).target} is mounted read-only`];
  }
}

/** The verdict on what was found. @param isRoot another user is refused for that alone */
export function judgeCgroups({ layout, missing, refused }: CgroupFacts, isRoot: boolean): Verdict {
  if (layout === 'none') {
    return fail(
      `no cgroups are mounted at ${MOUNT}`,
      `mount them, or give this container its host's ${MOUNT}`,
    );
  }
  if (missing.length > 0) {
    const where = layout === 'cgroup v2' ? 'enable it in cgroup.subtree_control above' : 'mount it';
    return fail(
      `${layout} without the controllers ${missing.join(', ')}: they are not delegated to here`,
      `${where}; the kernel's command line may have turned it off (cgroup_disable, or cgroup_enable=memory missing)`,
    );
  }
  if (refused.length > 0 && isRoot) {
    return fail(
      `${layout}, not delegated: no groups can be made (${refused.join('; ')})`,
      'under systemd: Delegate=yes and no ProtectControlGroups in the unit, as `errand install-service` writes it; ' +
        'in a container: start it with --privileged, or with a writable /sys/fs/cgroup and --cgroupns=private',
    );
  }
  if (refused.length > 0)
    return advise(`${layout}; whether groups can be made is seen by root alone`, RUN_AS_ROOT);
  return ok(`${layout} with ${NEEDED.join(', ')}; groups can be made`);
}

export const RUN_AS_ROOT = 'run `errand doctor` as root';

export const cgroups: Check = {
  id: 'cgroups',
  name: 'cgroups',
  essential: true,
  look: () => judgeCgroups(cgroupFacts(), process.getuid?.() === 0),
};

/** Under systemd, instances live in a scope of their own, so that they outlive the server's unit. */
export const delegation: Check = {
  id: 'delegation',
  name: 'delegated scope',
  essential: true,
  look() {
    if (!hasSystemd()) return ok('not needed: no systemd');
    if (process.getuid?.() !== 0) return advise('not tried: only root may make one', RUN_AS_ROOT);
    const program = findProgram('systemd-run');
    if (!program) return fail('no systemd-run', 'install the package systemd');
    const scope = [
      '--scope',
      '--quiet',
      '--collect',
      '--slice=system.slice',
      '--property=Delegate=yes',
      '/bin/sh',
      '-c',
    ];
    // What the group of the scope offers, as seen from inside of it.
    const inside = isUnified()
      ? `exec cat "${MOUNT}$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.controllers"`
      : `echo ${NEEDED.join(' ')}`;
    try {
      return judgeScope(run(program, [...scope, inside]));
    } catch (error) {
      return fail(
        (error as Error).message,
        'see why systemd makes none: journalctl --boot --priority warning',
      );
    }
  },
};

/** @param controllers what a delegated scope has, as the kernel lists it */
export function judgeScope(controllers: string): Verdict {
  const missing = NEEDED.filter((controller) => !controllers.trim().split(/\s+/).includes(controller));
  return missing.length > 0
    ? fail(
        `not delegated: a scope of systemd has no ${missing.join(', ')}`,
        'see /sys/fs/cgroup/cgroup.controllers, and DisableControllers= of system.slice',
      )
    : ok('systemd makes one');
}

/** Memory that is swapped out must count as well, or a limit of memory is none. */
export const swap: Check = {
  id: 'swap',
  name: 'swap',
  essential: false,
  look() {
    const devices = read('/proc/swaps').trim().split('\n').slice(1);
    if (devices.length === 0) return ok('none');
    const names = devices.map((line) => line.split(/\s+/)[0]).join(', ');
    const counted =
      existsSync(join(MOUNT, 'memory', 'memory.memsw.limit_in_bytes')) ||
      ['init.scope', 'system.slice', ownGroup()].some((group) =>
        existsSync(join(MOUNT, group, 'memory.swap.max')),
      );
    return counted
      ? ok(`${names}; it is counted`)
      : advise(
          `${names}; it is not counted against limits of memory`,
          'boot with swapaccount=1, or without swap',
        );
  },
};

const ownGroup = (): string => /^0::(.*)$/m.exec(read('/proc/self/cgroup'))?.[1] ?? '/';

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};
