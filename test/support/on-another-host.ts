/**
 * The command line on a host that is not as this one: in a mount namespace of its own, in which a shell text changed
 * what is to be different. Nothing of it is seen outside. Needs root.
 */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { patient } from './patience.ts';

const SCRIPT = join(import.meta.dirname, '../../script/errand');
const TIMEOUT_MS = patient(60_000);

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * @param change a shell text, run as root
 * @param as a program and its arguments in front of `errand`
 */
export function errandWhere(change: string, args: string[], as: string[] = []): Promise<Said> {
  const script = `${change}\nexec "$@"`;
  const command = ['--mount', '--propagation', 'private', 'sh', '-ec', script, 'sh', ...as, SCRIPT, ...args];
  return new Promise((resolve) => {
    execFile(
      'unshare',
      command,
      {
        cwd: tmpdir(),
        env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
        timeout: TIMEOUT_MS,
      },
      (error, stdout, stderr) =>
        resolve({ code: error ? ((error.code as unknown as number) ?? -1) : 0, stdout, stderr }),
    );
  });
}

/** A change: programs that are not there, wherever they are. */
export const without = (...programs: string[]): string => `
  hidden=$(mktemp)
  for name in ${programs.join(' ')}; do
    for folder in $(echo "$PATH" | tr : ' ') /usr/local/sbin /usr/sbin /usr/bin /sbin /bin; do
      if [ -x "$folder/$name" ]; then mount --bind "$hidden" "$folder/$name"; fi
    done
  done
  rm "$hidden"`;

/** A change: cgroups that can be seen and not made. */
export const withCgroupsReadOnly = `
  for target in $(awk '/ - cgroup2? /{ print $5 }' /proc/self/mountinfo); do mount -o remount,bind,ro "$target"; done`;

/** In front of `errand`: another user, who may read what root may, wherever the checkout lies. */
export const asNobody = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--inh-caps=+dac_read_search',
  '--ambient-caps=+dac_read_search',
];
