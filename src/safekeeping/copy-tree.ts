/** Copies of folders: artifacts exactly, with owners and links; output as files that may grow and change names meanwhile. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, opendir, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { removeTree } from '../shared/trees.ts';

/** Copies a folder as it is. It appears when it is complete. @throws when it cannot be, saying why */
export async function copyExactly(from: string, to: string): Promise<void> {
  const partial = `${to}.partial`;
  await removeTree(partial);
  try {
    await promisify(execFile)('cp', ['-a', '--', from, partial]);
    await rename(partial, to);
  } catch (error) {
    await removeTree(partial);
    throw error;
  }
}

/**
 * Copies the plain files below a folder that are not there yet. What vanishes meanwhile is left out: a complete segment
 * gets another name when it is compressed, so look twice. @returns how many files were copied
 */
export async function copyFilesTwice(from: string, to: string): Promise<number> {
  const first = await copyFiles(from, to);
  return first + (await copyFiles(from, to));
}

async function copyFiles(from: string, to: string): Promise<number> {
  let count = 0;
  const folder = await opendir(from).catch(unlessGone);
  if (!folder) return count;
  await mkdir(to, { recursive: true, mode: 0o700 });
  for await (const entry of folder) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) count += await copyFiles(source, target);
    else if (entry.isFile() && !(await stat(target).catch(unlessGone)))
      count += await copyOne(source, target);
  }
  return count;
}

async function copyOne(source: string, target: string): Promise<number> {
  try {
    const { atime, mtime } = await stat(source);
    await copyFile(source, `${target}.partial`);
    await utimes(`${target}.partial`, atime, mtime);
    await rename(`${target}.partial`, target);
    return 1;
  } catch (error) {
    unlessGone(error as NodeJS.ErrnoException);
    return 0;
  }
}

function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
