/**
 * A line in a segment that says that some of it may be missing: a supervisor goes on when the disk refuses what it
 * writes, and what came meanwhile is nowhere. The last record it began is often torn, and the next one would be glued
 * to that.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { formatRecords } from './cri.ts';
import type { Instant } from './instant.ts';
import { ifMissing } from './missing-file.ts';
import { isClosedMode } from './segment-bytes.ts';

const MARK = '[the disk was full: output may be missing here]';
/** A write that found no room filled the last block that the file had. File systems have larger blocks than this. */
const BLOCK_BYTES = 512;
const NEWLINE = 0x0a;
const TAIL_BYTES = 64 * 1024;

/**
 * Adds the line where a segment looks as if something was lost.
 * @param isOver nothing is written to it any more: where there is still no room, the line takes that of the last ones
 * @throws ENOSPC while there is no room
 */
export async function markLoss(path: string, at: Instant, isOver: boolean): Promise<void> {
  const file = await open(path, 'r+').catch(ifMissing);
  if (!file) return;
  try {
    const { size, mode } = await file.stat();
    if (isClosedMode(mode)) return;
    const tail = await readTail(file, size);
    const isTorn = size > 0 && tail.at(-1) !== NEWLINE;
    if (!isTorn && size % BLOCK_BYTES !== 0) return;
    const records = formatRecords(at, 'stderr', MARK);
    try {
      await append(path, isTorn ? Buffer.concat([Buffer.from('\n'), records]) : records);
    } catch (error) {
      const from = isOver ? placeFor(records.length, tail) : undefined;
      if (from === undefined) throw error;
      const start = size - tail.length + from;
      await file.write(records, 0, records.length, start);
      await file.truncate(start + records.length);
    }
  } finally {
    await file.close();
  }
}

/** As its writer does it: at the end, wherever that is by then. */
async function append(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, 'a');
  try {
    const { bytesWritten } = await file.write(bytes);
    if (bytesWritten < bytes.length) throw Object.assign(new Error('ENOSPC: no room'), { code: 'ENOSPC' });
  } finally {
    await file.close();
  }
}

async function readTail(file: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(size, TAIL_BYTES);
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
  return buffer;
}

/** Where in the tail a record ends after which so many bytes are left. */
function placeFor(bytes: number, tail: Buffer): number | undefined {
  const last = tail.length - bytes;
  if (last < 0) return undefined;
  const newline = tail.lastIndexOf(NEWLINE, last - 1);
  return newline < 0 ? undefined : newline + 1;
}
