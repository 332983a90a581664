/** What the machine and its kernel are: user, kernel, namespaces, clock, descriptors. */
import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { hasSystemd } from '../executors/local/jobs-scope.ts';
import { findProgram, run } from '../executors/local/runtime.ts';
import { mountOf } from '../shared/mount-table.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
};

/** From here on overlays can be mounted in user namespaces. */
const KERNEL_WITH_ALL = [5, 11];

export const platform: Check = {
  id: 'platform',
  name: 'system',
  essential: true,
  look: () => judgePlatform(process.platform, release()),
};

export function judgePlatform(name: string, kernel: string): Verdict {
  if (name !== 'linux') {
    return fail(`${name}: the local executor needs Linux`, 'for development: --executor process');
  }
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10));
  const isOld = major < KERNEL_WITH_ALL[0]! || (major === KERNEL_WITH_ALL[0] && minor < KERNEL_WITH_ALL[1]!);
  return isOld
    ? advise(
        `Linux ${kernel}: instances have no user namespaces`,
        `use ${KERNEL_WITH_ALL.join('.')} or newer`,
      )
    : ok(`Linux ${kernel}`);
}

export const user: Check = {
  id: 'user',
  name: 'user',
  essential: true,
  look() {
    const uid = process.getuid?.();
    if (uid === 0) return ok('root');
    return fail(
      `not root, but user ${uid}: the local executor makes cgroups and namespaces`,
      'use sudo, or run it as a service (`errand install-service`); for development: --executor process',
    );
  },
};

export const userNamespaces: Check = {
  id: 'user-namespaces',
  name: 'user namespaces',
  essential: false,
  look() {
    const most = read('/proc/sys/user/max_user_namespaces');
    const without = 'without them, what is left of privileges in an instance counts on the host as well';
    if (!existsSync('/proc/self/ns/user') || most === undefined) {
      return advise(`this kernel has none: ${without}`, 'use a kernel with CONFIG_USER_NS');
    }
    if (Number(most) === 0)
      return advise(`none allowed: ${without}`, 'sysctl user.max_user_namespaces=15000');
    // Both bind only those who are not root, and the server is.
    const bounds = [
      read('/proc/sys/kernel/unprivileged_userns_clone') === '0' ? 'unprivileged_userns_clone=0' : [],
      read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1' ? 'AppArmor' : [],
    ].flat();
    return ok(
      `${most} allowed${bounds.length > 0 ? ` (for root; others are kept out by ${bounds.join(', ')})` : ''}`,
    );
  },
};

export const clock: Check = {
  id: 'clock',
  name: 'clock',
  essential: true,
  look: () => judgeClock(new Date(), synchronised()),
};

/** @param synchronised undefined where nobody tells */
export function judgeClock(now: Date, synchronised: boolean | undefined): Verdict {
  const shown = `${now.toISOString().slice(0, 19)}Z`;
  const advice = 'set it, and keep it set: apt-get install systemd-timesyncd, or chrony';
  // Errand is younger; certificates and times of output would be wrong.
  if (now.getUTCFullYear() < 2025 || now.getUTCFullYear() > 2100)
    return fail(`${shown} cannot be right`, advice);
  if (synchronised === false) return advise(`${shown}, not synchronised`, advice);
  return ok(synchronised ? `${shown}, synchronised` : `${shown}; whether it is synchronised is not known`);
}

function synchronised(): boolean | undefined {
  if (existsSync('/run/systemd/timesync/synchronized')) return true;
  const program = hasSystemd() ? findProgram('timedatectl') : undefined;
  if (!program) return undefined;
  const said = run(program, ['show', '--property=NTPSynchronized', '--value']).trim();
  return said === '' ? undefined : said === 'yes';
}

export const descriptors: Check = {
  id: 'descriptors',
  name: 'open files',
  essential: true,
  look() {
    const [soft, hard] =
      /^Max open files\s+(\S+)\s+(\S+)/m.exec(read('/proc/self/limits') ?? '')?.slice(1) ?? [];
    return judgeDescriptors(limit(soft), limit(hard));
  },
};

const limit = (text: string | undefined): number =>
  text === 'unlimited' ? Number.POSITIVE_INFINITY : Number(text);

const FEW_DESCRIPTORS = 1024;
const ENOUGH_DESCRIPTORS = 65_536;

/** @param soft a server raises it to the hard limit by itself */
export function judgeDescriptors(soft: number, hard: number): Verdict {
  const found = `${soft} at most (hard limit ${hard})`;
  const advice = `LimitNOFILE=${ENOUGH_DESCRIPTORS} in the unit, or \`ulimit -n ${ENOUGH_DESCRIPTORS}\` before the start`;
  if (soft < FEW_DESCRIPTORS) return fail(found, advice);
  return soft < ENOUGH_DESCRIPTORS ? advise(found, advice) : ok(found);
}

/** Under systemd it is shared: mounts that are not kept private would appear on the host. They are kept. */
export const rootMount: Check = {
  id: 'root-mount',
  name: 'root mount',
  essential: false,
  look() {
    const { fsType, propagation } = mountOf('/');
    return ok(`${fsType}, ${propagation}; mounts of instances stay with them`);
  },
};
