/** What is said of mounts is what the kernel does with them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountOf, mountsBelow, mountTable, permissionCause } from '../../src/shared/mount-table.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand mounts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The table of a mount namespace of its own in which the commands were run, with the folder as `$1`. */
const tableAfter = (commands: string): string =>
  execFileSync(
    'unshare',
    [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-ec',
      `${commands}\ncat /proc/self/mountinfo`,
      'sh',
      folder,
    ],
    { encoding: 'utf8' },
  );

test('a mount is told with its flags, the options of its file system and its propagation', () => {
  const table = tableAfter(
    'mount -t tmpfs -o noexec,nosuid,size=64k tmpfs "$1"; mount --make-shared "$1"; mkdir "$1/a b"; mount --bind "$1/a b" "$1/a b"; mount --make-private "$1/a b"',
  );
  const [outer, inner] = mountsBelow(folder, table);
  expect(outer).toMatchObject({ target: folder, fsType: 'tmpfs', propagation: 'shared' });
  expect(outer!.options).toEqual(expect.arrayContaining(['rw', 'noexec', 'nosuid', 'size=64k']));
  expect(inner).toMatchObject({ target: join(folder, 'a b'), fsType: 'tmpfs', propagation: 'private' });
});

describe('the mount of a path', () => {
  test('is the one on top, where several are on the same folder', () => {
    const table = tableAfter('mount -t tmpfs tmpfs "$1"; mount -t tmpfs -o noexec tmpfs "$1"');
    expect(mountOf(join(folder, 'file'), table).options).toContain('noexec');
  });

  test('is not one that a later mount above it hides', () => {
    mkdirSync(join(folder, 'deep'));
    const table = tableAfter('mount -t tmpfs -o noexec tmpfs "$1/deep"; mount -t tmpfs tmpfs "$1"');
    expect(mountOf(join(folder, 'deep', 'file'), table)).toMatchObject({ target: folder });
    expect(mountsBelow(folder, table).map(({ target }) => target)).toEqual([join(folder, 'deep'), folder]);
  });

  test('is that of the place behind a symbolic link, also of what does not exist', () => {
    mkdirSync(join(folder, 'real'));
    symlinkSync('real', join(folder, 'link'));
    const table = tableAfter('mount -t tmpfs tmpfs "$1/real"');
    expect(mountOf(join(folder, 'link', 'not', 'there'), table).target).toBe(join(folder, 'real'));
  });

  test('is not that of a folder whose name only begins alike', () => {
    for (const name of ['run', 'runner']) mkdirSync(join(folder, name));
    const table = tableAfter('mount -t tmpfs tmpfs "$1/run"');
    expect(mountOf(join(folder, 'runner'), table).target).not.toBe(join(folder, 'run'));
  });
});

describe('the cause of a refused access', () => {
  test('names the mount and the flag', () => {
    const noexec = tableAfter('mount -t tmpfs -o noexec tmpfs "$1"');
    expect(permissionCause(join(folder, 'program'), noexec)).toBe(`${folder} is mounted noexec`);
    const readOnly = tableAfter('mount -t tmpfs -o ro tmpfs "$1"');
    expect(permissionCause(folder, readOnly)).toBe(`${folder} is mounted read-only`);
    const both = tableAfter('mount -t tmpfs -o ro,noexec tmpfs "$1"');
    expect(permissionCause(folder, both)).toBe(`${folder} is mounted noexec and read-only`);
  });

  test('is not sought in a mount that refuses nothing', () => {
    expect(permissionCause(folder, tableAfter('mount -t tmpfs tmpfs "$1"'))).toBeUndefined();
  });
});

test('the table of this process has a root, which holds what no other mount holds', () => {
  expect(mountTable().filter(({ target }) => target === '/')).not.toEqual([]);
  expect(mountOf('/no-such-folder').target).toBe('/');
  expect(mountOf('/proc/self').fsType).toBe('proc');
});
