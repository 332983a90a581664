/** Trees that commands left behind: nothing in them may keep a server from reading or removing them. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree, walkTree } from '../../src/shared/trees.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'errand-test-'));
});
afterEach(() => removeTree(root));

/** Folders within each other, far beyond the longest path. */
function makeDeepTree(): void {
  const script = 'cd "$1" && for i in $(seq 60); do mkdir "$2" && cd -P "$2" || exit 1; done; echo x > leaf';
  execFileSync('bash', ['-c', script, 'bash', root, 'd'.repeat(200)]);
}

test('a tree that is deeper than a path can say is removed', async () => {
  makeDeepTree();
  mkdirSync(join(root, 'beside'));
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});

test('a tree that is deeper than a path can say is refused by a walk, by that name', async () => {
  makeDeepTree();
  await expect(walkTree(root, async () => undefined)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
});

test('names that are no text are visited and removed as they are', async () => {
  const name = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xe9])]);
  mkdirSync(name);
  writeFileSync(Buffer.concat([name, Buffer.from('/file')]), 'inside');
  const files: string[] = [];
  await walkTree(root, async (path, entry) => {
    if (entry.isFile()) files.push(readFileSync(path, 'utf8'));
  });
  expect(files).toEqual(['inside']);
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});

test('links are neither followed by a walk nor by a removal', async () => {
  const outside = mkdtempSync(join(tmpdir(), 'errand-test-'));
  writeFileSync(join(outside, 'kept'), '');
  symlinkSync(outside, join(root, 'link'));
  const seen: string[] = [];
  await walkTree(root, async (path) => void seen.push(path.toString()));
  expect(seen).toEqual([join(root, 'link')]);
  await removeTree(root);
  expect(existsSync(join(outside, 'kept'))).toBe(true);
  await removeTree(outside);
});

test('what is not there, and what is closed to everybody, is removed', async () => {
  mkdirSync(join(root, 'closed', 'inner'), { recursive: true });
  chmodSync(join(root, 'closed'), 0);
  await removeTree(root);
  await removeTree(root);
  expect(existsSync(root)).toBe(false);
});
