/** What trees of files take of the disk, while others write to them. */
import { runProgram } from './programs.ts';

/** Files and folders, and the bytes of their blocks; a file with several names counts once. */
export interface TreeUse {
  bytes: number;
  files: number;
}

/**
 * Measures folders in a process of its own. Those that are gone, or were not reached in time, are not in the answer.
 * @param timeoutMs for all of them
 */
export async function treeUse(folders: string[], timeoutMs: number): Promise<Map<string, TreeUse>> {
  const [bytes, files] = await Promise.all([
    du(['-B1'], folders, timeoutMs),
    du(['--inodes'], folders, timeoutMs),
  ]);
  const uses = new Map<string, TreeUse>();
  for (const [folder, count] of files) {
    const size = bytes.get(folder);
    if (size !== undefined) uses.set(folder, { bytes: size, files: count });
  }
  return uses;
}

/**
 * Whether there are more files and folders than that in some folders, counted no further.
 * @returns undefined when that was not known in time
 */
export async function hasMoreFiles(
  folders: string[],
  limit: number,
  timeoutMs: number,
): Promise<boolean | undefined> {
  let count = 0;
  const enough = new AbortController();
  try {
    // Names alone, without a look at each file.
    await runProgram('find', [...folders, '-printf', '.'], {
      timeoutMs,
      isUrgent: true,
      stop: enough.signal,
      onOutput: ({ length }) => {
        count += length;
        if (count > limit) enough.abort();
      },
    });
  } catch (error) {
    if (count <= limit && (error as NodeJS.ErrnoException).code !== undefined) throw error;
    return count > limit || undefined;
  }
  return count > limit;
}

async function du(kind: string[], folders: string[], timeoutMs: number): Promise<Map<string, number>> {
  let text = '';
  await runProgram('du', ['-s', '-x', ...kind, '--', ...folders], {
    timeoutMs,
    isUrgent: true,
    onOutput: (chunk) => {
      text += chunk.toString('utf8');
    },
    // It fails when one of very many files vanishes, and tells of the others all the same.
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== undefined) throw error;
  });
  const found = new Map<string, number>();
  for (const [, number, folder] of text.matchAll(/^(\d+)\t(.*)\n/gm)) found.set(folder!, Number(number));
  return found;
}
