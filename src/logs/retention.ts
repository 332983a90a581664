/** What may go: files of complete segments that are too old, and the oldest of them while all take too much space. */
import { readdir, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ifMissing } from './missing-file.ts';
import { isClosedMode } from './segment-bytes.ts';

export interface Retention {
  /** Complete segments go this long after their last line; undefined keeps them. */
  maxAgeMs?: number;
  /** All segments together; undefined for as much as the disk holds. */
  maxBytes?: number;
}

export interface SegmentFile {
  /** Of the file, which may be a compressed one. */
  path: string;
  bytes: number;
  lastWriteMs: number;
  isClosed: boolean;
}

/** All segments below a store's folder, a resource at a time. */
export async function* walkSegments(folder: string): AsyncGenerator<SegmentFile> {
  for (const shard of await names(folder)) {
    for (const resource of await names(join(folder, shard))) {
      for (const name of await names(join(folder, shard, resource))) {
        if (!/\.log(\.zst)?$/.test(name)) continue;
        const path = join(folder, shard, resource, name);
        const status = await stat(path).catch(ifMissing);
        if (!status) continue;
        const { size, blocks, mtimeMs, mode } = status;
        // A file with holes takes less room than its length says.
        const bytes = Math.min(size, blocks * 512);
        yield { path, bytes, lastWriteMs: mtimeMs, isClosed: isClosedMode(mode) };
      }
    }
  }
}

/** Removes what retention no longer covers. Segments that are written to stay. @returns the paths of removed files */
export async function removeExpired(
  folder: string,
  { maxAgeMs, maxBytes }: Retention,
  nowMs: number,
): Promise<string[]> {
  const removed: string[] = [];
  const kept: SegmentFile[] = [];
  let total = 0;
  for await (const file of walkSegments(folder)) {
    if (maxAgeMs !== undefined && file.isClosed && nowMs - file.lastWriteMs > maxAgeMs) {
      await remove(file.path);
      removed.push(file.path);
      continue;
    }
    total += file.bytes;
    if (maxBytes !== undefined && file.isClosed) kept.push(file);
  }
  kept.sort((a, b) => a.lastWriteMs - b.lastWriteMs);
  for (const file of kept) {
    if (total <= maxBytes!) break;
    await remove(file.path);
    removed.push(file.path);
    total -= file.bytes;
  }
  return removed;
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(ifMissing);
  const resource = dirname(path);
  // A service's folder stays: a build may be about to begin a segment in it. A job has one segment.
  if (!/[/\\]job-[^/\\]+$/.test(resource)) return;
  const isEmpty = await rmdir(resource).then(
    () => true,
    () => false,
  );
  if (isEmpty) await rmdir(dirname(resource)).catch(() => undefined);
}

async function names(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(notAFolder)) ?? [];
}

function notAFolder(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOTDIR') return undefined;
  return ifMissing(error);
}
