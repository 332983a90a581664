/** Trees that commands left behind: nothing in them may keep a server from reading or removing them. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { discardedTrees, discardTree, giveTree, measureTree, removeTree } from '../../src/shared/trees.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'errand-test-'));
});
afterEach(() => removeTree(root));

/** Folders within each other, far beyond the longest path. */
function makeDeepTree(folder = root): void {
  mkdirSync(folder, { recursive: true });
  const script = 'cd "$1" && for i in $(seq 60); do mkdir "$2" && cd -P "$2" || exit 1; done; echo x > leaf';
  execFileSync('bash', ['-c', script, 'bash', folder, 'd'.repeat(200)]);
}

test('a tree that is deeper than a path can say is removed', async () => {
  makeDeepTree();
  mkdirSync(join(root, 'beside'));
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});

/** More names in one folder than are handled in this process. */
function makeWideTree(folder: string, names = 600): void {
  mkdirSync(folder, { recursive: true });
  for (let n = 0; n < names; n += 1) writeFileSync(join(folder, `f${n}`), '');
}

async function discarded(): Promise<string[]> {
  const trees: string[] = [];
  for await (const tree of discardedTrees(root)) trees.push(tree);
  return trees;
}

test('a tree that is deeper than a path can say is told when it is measured', async () => {
  makeDeepTree();
  expect(await measureTree(root)).toBeUndefined();
});

test('files and links are counted, and the bytes of files alone', async () => {
  mkdirSync(join(root, 'folder', 'inner'), { recursive: true });
  writeFileSync(join(root, 'folder', 'a\nb'), 'abc');
  writeFileSync(join(root, 'folder', 'inner', '-'), 'abcd');
  symlinkSync('/etc', join(root, 'link'));
  expect(await measureTree(root)).toEqual({ files: 3, bytes: 7 });
  expect(await measureTree(join(root, 'folder', 'inner'))).toEqual({ files: 1, bytes: 4 });
});

test('a file that is nothing but a hole is counted, removed and discarded like any other', async () => {
  mkdirSync(join(root, 'job'));
  execFileSync('truncate', ['-s', '100G', join(root, 'job', '.env')]);
  expect(await measureTree(root)).toEqual({ files: 1, bytes: 100 * 2 ** 30 });
  await discardTree(join(root, 'job'), root);
  expect(existsSync(join(root, 'job'))).toBe(false);
});

test('names that are no text are given and removed as they are', async () => {
  const name = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xe9])]);
  const file = Buffer.concat([name, Buffer.from('/file')]);
  mkdirSync(name);
  writeFileSync(file, 'inside');
  await giveTree(root, { uid: 64_000, gid: 64_000 });
  expect([lstatSync(name).uid, lstatSync(file).uid, lstatSync(root).uid]).toEqual([64_000, 64_000, 64_000]);
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});

test.each([
  ['small', 3],
  ['large', 600],
])('links are neither followed when a %s tree is given nor when it is removed', async (_, names) => {
  const outside = mkdtempSync(join(tmpdir(), 'errand-test-'));
  writeFileSync(join(outside, 'kept'), '');
  makeWideTree(join(root, 'wide'), names);
  symlinkSync(outside, join(root, 'wide', 'link'));
  await giveTree(root, { uid: 64_000, gid: 64_000 });
  expect(lstatSync(join(root, 'wide', 'link')).uid).toBe(64_000);
  expect(lstatSync(join(root, 'wide', 'f1')).uid).toBe(64_000);
  expect([lstatSync(outside).uid, lstatSync(join(outside, 'kept')).uid]).toEqual([0, 0]);
  await removeTree(root);
  expect(existsSync(join(outside, 'kept'))).toBe(true);
  await removeTree(outside);
});

test('a small tree that is discarded is gone, and nothing is left to do', async () => {
  makeWideTree(join(root, 'job'), 10);
  await discardTree(join(root, 'job'), root);
  expect(existsSync(join(root, 'job'))).toBe(false);
  expect(await discarded()).toEqual([]);
});

test.each([
  ['wide', () => makeWideTree(join(root, 'job'))],
  ['deep', () => makeDeepTree(join(root, 'job'))],
])('a %s tree that is discarded is gone from its place at once, and removed later', async (_, make) => {
  make();
  await discardTree(join(root, 'job'), root);
  expect(existsSync(join(root, 'job'))).toBe(false);
  const [tree, ...others] = await discarded();
  expect(others).toEqual([]);
  await removeTree(tree!);
  expect(await discarded()).toEqual([]);
});

test('a removal that is stopped ends, and the next one goes on where it was', async () => {
  makeWideTree(join(root, 'job'), 1500);
  const stop = new AbortController();
  const removing = removeTree(join(root, 'job'), stop.signal);
  stop.abort(new Error('stopped'));
  await expect(removing).rejects.toThrow('stopped');
  await removeTree(join(root, 'job'));
  expect(existsSync(join(root, 'job'))).toBe(false);
});

test('a wide tree in which something is mounted is neither removed nor discarded, nor is what is mounted', async () => {
  makeWideTree(join(root, 'wide'));
  makeWideTree(join(root, 'elsewhere'), 3);
  mkdirSync(join(root, 'wide', 'here'));
  execFileSync('mount', ['--bind', join(root, 'elsewhere'), join(root, 'wide', 'here')]);
  try {
    await expect(removeTree(join(root, 'wide'))).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(discardTree(join(root, 'wide'), root)).rejects.toMatchObject({ code: 'EBUSY' });
  } finally {
    execFileSync('umount', [join(root, 'wide', 'here')]);
  }
  expect(existsSync(join(root, 'elsewhere', 'f1'))).toBe(true);
});

test('what is not there, and what is closed to everybody, is removed', async () => {
  mkdirSync(join(root, 'closed', 'inner'), { recursive: true });
  chmodSync(join(root, 'closed'), 0);
  await removeTree(root);
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});
