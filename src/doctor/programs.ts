/** The programs of the host that Errand starts: which are there, which packages have those that are not. */
import { findPrograms, PROGRAMS } from '../executors/local/programs.ts';
import { findProgram, run } from '../executors/local/runtime.ts';
import { advise, type Check, fail, ok, type Verdict } from './check.ts';

type Kind = keyof typeof PROGRAMS;

/** Packages have the same name on Debian, Ubuntu and Fedora, unless two are given. */
const install = (debian: string, fedora = debian): string =>
  `install it: apt-get install ${debian} (Debian, Ubuntu) or dnf install ${fedora} (Fedora)`;

/** What makes the mounts that instances see. */
const MOUNT_PROGRAMS = ['unshare', 'mount', 'umount'];
const OLDEST_GIT = [2, 25] as const;

/** Which programs are there, without starting any. */
export const programPresence: Check[] = [
  ofKind('runtime', 'runtime', presence),
  ofKind('supervisor', 'supervisor', presence),
  ofKind('init', 'init of instances', presence),
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
export const programs: Check[] = programPresence.map((check) =>
  check.id in PROGRAMS ? ofKind(check.id as Kind, check.name, versions) : check,
);

function ofKind(id: Kind, name: string, look: (kind: Kind) => Verdict): Check {
  return { id, name, essential: true, look: () => look(id) };
}

function presence(kind: Kind): Verdict {
  const found = findPrograms(kind).map(({ path }) => path);
  if (found.length > 0) return ok(found.join(', '));
  return fail(`no ${PROGRAMS[kind].join(' and no ')}`, install(PROGRAMS[kind][0]));
}

/** One that works is enough; that another does not is said. */
function versions(kind: Kind): Verdict {
  const asked = findPrograms(kind).map(({ path }) => {
    try {
      return { text: `${version(path)} (${path})`, works: true };
    } catch (error) {
      return { text: `${(error as Error).message} (${path})`, works: false };
    }
  });
  if (asked.length === 0) return presence(kind);
  const found = asked.map(({ text }) => text).join('; ');
  if (asked.every(({ works }) => works)) return ok(found);
  const advice = 'see why it does not start, and install it anew';
  return asked.some(({ works }) => works) ? advise(found, advice) : fail(found, advice);
}

/** The first line of what it says: `crun version 1.8.1`. @throws when it does not start */
const version = (path: string): string => run(path, ['--version']).split('\n', 1)[0]!.trim();

/** A server without it starts, and builds nothing. */
export const gitPresence: Check = {
  id: 'git',
  name: 'git',
  essential: true,
  look() {
    const path = findProgram('git');
    return path ? ok(path) : fail('no git', install('git'));
  },
};

export const git: Check = {
  ...gitPresence,
  look() {
    const path = findProgram('git');
    return path ? judgeGit(version(path), path) : gitPresence.look();
  },
};

/** @param says as `git version 2.39.5` */
export function judgeGit(says: string, path: string): Verdict {
  const [major, minor] = (/(\d+)\.(\d+)/.exec(says) ?? []).slice(1).map(Number);
  const found = `${says} (${path})`;
  if (major === undefined || minor === undefined) {
    return advise(found, `see that it is at least ${OLDEST_GIT.join('.')}`);
  }
  const isOld = major < OLDEST_GIT[0] || (major === OLDEST_GIT[0] && minor < OLDEST_GIT[1]);
  return isOld ? fail(found, `install git ${OLDEST_GIT.join('.')} or newer`) : ok(found);
}
