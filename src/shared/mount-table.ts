/**
 * Which mount holds a path, as this process sees it, and with which flags: what stands behind many a "permission
 * denied" and "device or resource busy".
 */
import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface Mount {
  /** The folder or file that it is mounted on. */
  target: string;
  /** As the kernel calls it: `ext4`, `tmpfs`, `nfs4`. */
  fsType: string;
  /** Flags of the mount and options of its file system: `rw`, `noexec`, `size=65536k`. */
  options: string[];
  /** Where mounts below it are seen as well; a peer of several groups is called `shared`. */
  propagation: 'shared' | 'slave' | 'private' | 'unbindable';
}

interface Entry extends Mount {
  id: string;
  parent: string;
}

/** All mounts that this process sees, in the order of the kernel's table; a later one may hide an earlier one. */
export function mountTable(text = readFileSync('/proc/self/mountinfo', 'utf8')): Mount[] {
  return entries(text).map(({ target, fsType, options, propagation }) => ({
    target,
    fsType,
    options,
    propagation,
  }));
}

/**
 * The mount that holds a path. Of a path that does not exist it is the one that would hold it.
 * @throws when the table has no root
 */
export function mountOf(path: string, text = readFileSync('/proc/self/mountinfo', 'utf8')): Mount {
  const table = entries(text);
  const real = resolved(path);
  const ids = new Set(table.map(({ id }) => id));
  const reached = (parent: (entry: Entry) => boolean): Entry | undefined =>
    table
      .filter((entry) => parent(entry) && isAtOrBelow(real, entry.target))
      // On the way to the path the shortest is met first, and hides what its parent has deeper below.
      .sort((a, b) => a.target.length - b.target.length)[0];
  let found = reached((entry) => !ids.has(entry.parent) || entry.parent === entry.id);
  if (!found) throw new Error(`the table of mounts names none that holds ${real}`);
  for (let next: Entry | undefined = found; next; ) {
    found = next;
    const { id } = found;
    next = reached((entry) => entry.parent === id && entry.id !== id);
  }
  const { target, fsType, options, propagation } = found;
  return { target, fsType, options, propagation };
}

/** What is mounted on a folder or below it, also where another mount hides it. */
export function mountsBelow(folder: string, text?: string): Mount[] {
  const real = resolved(folder);
  return mountTable(text).filter(({ target }) => isAtOrBelow(target, real));
}

/** Why the mount of a path may have refused an access: `/run is mounted noexec`. Undefined where it did not. */
export function permissionCause(path: string, text?: string): string | undefined {
  const { target, options } = mountOf(path, text);
  const causes = [
    options.includes('noexec') ? 'noexec' : [],
    options.includes('ro') ? 'read-only' : [],
  ].flat();
  return causes.length > 0 ? `${target} is mounted ${causes.join(' and ')}` : undefined;
}

/** `ID PARENT DEVICE ROOT TARGET FLAGS [PROPAGATION...] - TYPE SOURCE OPTIONS`, see proc_pid_mountinfo(5). */
function entries(text: string): Entry[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [mount, fileSystem] = line.split(' - ', 2).map((half) => half.split(' '));
      const [id, parent, , , target, flags, ...fields] = mount!;
      const [fsType, , superOptions] = fileSystem!;
      // A file system may be read-only under a mount that is not, and the other way round: either counts.
      const all = [...new Set([...flags!.split(','), ...(superOptions ?? '').split(',')])].filter(Boolean);
      return {
        id: id!,
        parent: parent!,
        target: unescaped(target!),
        fsType: unescaped(fsType!),
        options: all.includes('ro') ? all.filter((option) => option !== 'rw') : all,
        propagation: propagationOf(fields),
      };
    });
}

function propagationOf(fields: string[]): Mount['propagation'] {
  if (fields.some((field) => field.startsWith('shared:'))) return 'shared';
  if (fields.some((field) => field.startsWith('master:'))) return 'slave';
  return fields.includes('unbindable') ? 'unbindable' : 'private';
}

/** Blanks, line breaks and backslashes are written as three octal digits. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const isAtOrBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);

/** Without symbolic links, as far as the path exists and may be looked at. */
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(resolved(parent), basename(path));
  }
}
