/**
 * The limit of one segment. Its writer is not ours to stop, so what it writes beyond the limit is counted and its room
 * on the disk given back while it runs; the file keeps its length, as a hole. When nothing is written any more, the
 * file is cut at the limit and one last line tells how much was dropped.
 */
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { formatRecords, HeadReader } from './cri.ts';
import { formatInstant, type Instant } from './instant.ts';
import { ifMissing } from './missing-file.ts';
import type { Segment } from './segment.ts';

const execute = promisify(execFile);
/** Counted without a pause; requests come in between. */
const CHUNK_BYTES = 128 * 1024;
/** Holes are made of whole blocks. */
const BLOCK_BYTES = 4096;
const NEWLINE = 0x0a;

/** What a crash must not forget: dropped bytes cannot be counted twice. */
interface Count {
  /** Where the file will be cut. */
  cut: number;
  /** Everything before was counted. */
  counted: number;
  /** Bytes of messages after the cut. */
  dropped: number;
  /** Inside a record whose beginning was counted. */
  insideRecord: boolean;
  /** Nothing more will be counted: the cut was begun. */
  isFinal: boolean;
}

const countPath = (path: string): string => `${path}.dropped`;

/** Counts what a running writer wrote beyond the limit, and frees it. @throws when the file system refuses */
export async function enforceLimit(segment: Segment, limitBytes: number): Promise<void> {
  const { path } = segment;
  const status = await stat(path).catch(ifMissing);
  if (!status || status.size <= limitBytes) return;
  const count = await countDropped(segment, status.size, false);
  // On a full disk room comes first: without it nothing can be stored, and nobody else would make any.
  const isStored = await storeCount(path, count).then(() => true, unlessNoRoom);
  const from = Math.ceil(count.cut / BLOCK_BYTES) * BLOCK_BYTES;
  const length = Math.floor(count.counted / BLOCK_BYTES) * BLOCK_BYTES - from;
  if (length > 0) {
    await execute('fallocate', ['--punch-hole', '--offset', String(from), '--length', String(length), path]);
  }
  if (!isStored) await storeCount(path, count);
}

/** Cuts a segment at its limit and adds the last line. Nothing may be written meanwhile. Can be repeated. */
export async function cutAtLimit(segment: Segment, limitBytes: number, now: Instant): Promise<void> {
  const { path } = segment;
  // Nearly every job ends here, so not a turn of the event loop is spent on it.
  const status = statSync(path, { throwIfNoEntry: false });
  if (!status || (status.size <= limitBytes && !existsSync(countPath(path)))) return;
  let count = await readCount(path);
  // A cut that was interrupted left its count, which says everything.
  if (!count?.isFinal) {
    count = await countDropped(segment, status.size, true);
    await storeCount(path, count).catch(unlessNoRoom);
  }
  const { cut, dropped } = count;
  const unended = await segment.unendedStreams();
  const file = await open(path, 'r+');
  try {
    await file.truncate(cut);
    const ends = unended.map((stream) => Buffer.from(`${formatInstant(now)} ${stream} F \n`));
    const text = `[output limit of ${limitBytes} bytes reached: ${dropped} bytes dropped]`;
    if (!(await endsWithNewline(file, cut))) ends.unshift(Buffer.from('\n'));
    await file.write(Buffer.concat([...ends, formatRecords(now, 'stderr', text)]), 0, undefined, cut);
    await file.datasync();
  } finally {
    await file.close();
  }
  await unlink(countPath(path)).catch(ifMissing);
}

/** Brings the count up to `size`; it is to be stored. */
async function countDropped(segment: Segment, size: number, isFinal: boolean): Promise<Count> {
  const { path } = segment;
  const count = (await readCount(path)) ?? (await firstCount(segment));
  const file = await open(path);
  try {
    for (let from = count.counted; from < size; from = count.counted) {
      const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, size - from));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, from);
      if (bytesRead === 0) break;
      const before = count.counted;
      addChunk(count, chunk.subarray(0, bytesRead), isFinal && from + bytesRead >= size);
      if (count.counted === before) break;
    }
    count.isFinal = isFinal;
  } finally {
    await file.close();
  }
  return count;
}

async function storeCount(path: string, count: Count): Promise<void> {
  await writeFile(`${countPath(path)}.tmp`, JSON.stringify(count));
  await rename(`${countPath(path)}.tmp`, countPath(path));
}

/** @returns false where there is no room. @throws any other error */
function unlessNoRoom(error: NodeJS.ErrnoException): false {
  if (error.code !== 'ENOSPC' && error.code !== 'EDQUOT') throw error;
  return false;
}

async function firstCount(segment: Segment): Promise<Count> {
  const view = await segment.view();
  const cut = view?.end ?? 0;
  return { cut, counted: cut, dropped: 0, insideRecord: false, isFinal: false };
}

const head = new HeadReader();

/** Counts the records of a chunk. One without an end waits for its rest, unless it fills a chunk or nothing follows. */
function addChunk(count: Count, chunk: Buffer, isEnd: boolean): void {
  let at = 0;
  while (at < chunk.length) {
    const end = chunk.indexOf(NEWLINE, at);
    const isWhole = end >= 0;
    if (!isWhole && !isEnd && chunk.length - at < CHUNK_BYTES) break;
    const to = isWhole ? end : chunk.length;
    const body = count.insideRecord ? at : head.read(chunk, at, to);
    if (body >= 0) count.dropped += to - body;
    count.insideRecord = !isWhole;
    at = isWhole ? to + 1 : to;
  }
  count.counted += at;
}

async function readCount(path: string): Promise<Count | undefined> {
  const text = await readFile(countPath(path), 'utf8').catch(ifMissing);
  return text === undefined ? undefined : (JSON.parse(text) as Count);
}

async function endsWithNewline(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return true;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] === NEWLINE;
}
