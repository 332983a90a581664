/** The programs of the host that Errand starts: which are there, which packages have those that are not. */
import { findProgram, run } from '../executors/local/runtime.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

/** The same package on Debian, Ubuntu and Fedora, unless it says otherwise. */
const install = (debian: string, fedora = debian): string =>
  `install it: apt-get install ${debian} (Debian, Ubuntu) or dnf install ${fedora} (Fedora)`;

/** What the local executor starts, or one of each group. */
const NEEDED = {
  runtime: ['crun', 'runc'],
  supervisor: ['conmon'],
  init: ['tini', 'catatonit'],
} as const;
/** What makes the mounts that instances see. */
const MOUNT_PROGRAMS = ['unshare', 'mount', 'umount'];

const OLDEST_GIT = [2, 25];

/** Which programs are there, without starting any. */
export const programPresence: Check[] = [
  presence('runtime', 'runtime', NEEDED.runtime, install('crun')),
  presence('supervisor', 'supervisor', NEEDED.supervisor, install('conmon')),
  presence('init', 'init of instances', NEEDED.init, install('tini')),
  {
    id: 'mount-programs',
    name: 'mount programs',
    essential: true,
    look() {
      const missing = MOUNT_PROGRAMS.filter((name) => !findProgram(name));
      return missing.length > 0
        ? fail(`no ${missing.join(', no ')}`, install('util-linux mount', 'util-linux'))
        : ok(MOUNT_PROGRAMS.join(', '));
    },
  },
];

/** The same, and what each says of itself. */
export const programs: Check[] = programPresence.map((check) => ({
  ...check,
  look: () => (check.id in VERSIONED ? versions(VERSIONED[check.id]!, check) : check.look()),
}));

const VERSIONED: Record<string, readonly string[]> = {
  runtime: NEEDED.runtime,
  supervisor: NEEDED.supervisor,
  init: NEEDED.init,
};

function presence(id: string, name: string, either: readonly string[], advice: string): Check {
  return {
    id,
    name,
    essential: true,
    look() {
      const found = either.map((each) => findProgram(each)).filter((path) => path !== undefined);
      return found.length > 0 ? ok(found.join(', ')) : fail(`no ${either.join(' and no ')}`, advice);
    },
  };
}

/** One that works is enough; that another does not is said. */
function versions(either: readonly string[], check: Check): Verdict | Promise<Verdict> {
  const paths = either.map((each) => findProgram(each)).filter((path) => path !== undefined);
  if (paths.length === 0) return check.look();
  const asked = paths.map((path) => {
    try {
      return { path, says: version(path) };
    } catch (error) {
      return { path, broken: (error as Error).message };
    }
  });
  const found = asked.map(({ path, says, broken }) => `${broken ?? says} (${path})`).join('; ');
  if (asked.every(({ broken }) => broken !== undefined)) {
    return fail(found, `see why it does not start: ${paths[0]} --version`);
  }
  return asked.some(({ broken }) => broken !== undefined)
    ? advise(found, 'repair or remove the one that does not start')
    : ok(found);
}

/** The first line of what it says: `crun version 1.8.1`. @throws when it does not start */
const version = (path: string): string => run(path, ['--version']).split('\n', 1)[0]!.trim();

/** A server without it starts, and builds nothing. */
export const gitPresence: Check = presence('git', 'git', ['git'], install('git'));

export const git: Check = {
  ...gitPresence,
  look() {
    const path = findProgram('git');
    return path ? judgeGit(version(path), path) : gitPresence.look();
  },
};

/** @param says as `git version 2.39.5` */
export function judgeGit(says: string, path: string): Verdict {
  const numbers = /(\d+)\.(\d+)/.exec(says)?.slice(1).map(Number);
  const found = `${says} (${path})`;
  if (!numbers) return advise(found, `see that it is at least ${OLDEST_GIT.join('.')}`);
  const [major, minor] = numbers as [number, number];
  const isOld = major < OLDEST_GIT[0]! || (major === OLDEST_GIT[0] && minor < OLDEST_GIT[1]!);
  return isOld ? fail(found, `install git ${OLDEST_GIT.join('.')} or newer`) : ok(found);
}
