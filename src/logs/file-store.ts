/**
 * The log store on files: `<folder>/<shard>/<resource>/<segment>.log`. A segment is written by appends alone, by the
 * supervisor of an instance or by this process; it is read in place. A read-only file is one that is complete.
 */
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { Clock } from '../shared/clock.ts';
import { ChangeWatch } from './change-watch.ts';
import { formatRecords } from './cri.ts';
import { follow, Tail } from './follow.ts';
import { formatInstant, type Instant, parseInstant } from './instant.ts';
import { lastRisingTime, lastTimeBound } from './last-time.ts';
import type { FollowRequest, LogPage, LogQuery, LogStore, LogStreamName, StoredLine } from './log-store.ts';
import { markLoss } from './loss-mark.ts';
import { ifMissing } from './missing-file.ts';
import { cutAtLimit, enforceLimit } from './output-limit.ts';
import { readPage } from './page.ts';
import { type Retention, removeExpired, walkSegments } from './retention.ts';
import { Segment } from './segment.ts';
import { isClosedMode } from './segment-bytes.ts';
import { SegmentSync, syncSegment } from './segment-sync.ts';

/** Segments whose checkpoints stay in memory; a forgotten one is read again when it is asked for. */
const MAX_KNOWN_SEGMENTS = 2000;
const READ_ONLY = 0o440;
const MIN_COMPRESSED_BYTES = 16 * 1024;
/** Reading so little is quicker than to hand it to another thread. */
const SMALL_BYTES = 16 * 1024;
/** Reading a smaller segment whole takes a moment. */
const LARGE_BYTES = 1024 * 1024;
/** How often all files are looked through for complete segments that nobody told of. */
const SWEEP_INTERVAL_MS = 60 * 60 * 1000;

export class FileLogStore implements LogStore {
  readonly #folder: string;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #segmentBytes: number;
  readonly #known = new Map<string, Segment>();
  readonly #watch = new ChangeWatch();
  readonly #sync = new SegmentSync();
  /** Segments that somebody may be writing to. */
  readonly #live = new Set<string>();
  /** Complete segments that may be compressed. */
  readonly #completed = new Set<string>();
  /** Of the live ones: what was written to them while the disk was full may be lost. */
  readonly #mayLack = new Set<string>();
  #sweptMs = Number.NEGATIVE_INFINITY;
  /** Appends to one segment, one after the other. */
  readonly #appends = new Map<string, Promise<void>>();

  /**
   * @param folder holds everything; made when it is first written to
   * @param limits `segmentBytes`: what one segment may have
   */
  constructor(folder: string, clock: Pick<Clock, 'nowMs'>, limits: { segmentBytes?: number } = {}) {
    this.#folder = folder;
    this.#clock = clock;
    this.#segmentBytes = limits.segmentBytes ?? Number.POSITIVE_INFINITY;
  }

  async segmentFile(resource: string, segment: string): Promise<string> {
    const file = this.#path(resource, segment);
    mkdirSync(dirname(file), { recursive: true });
    this.#live.add(file);
    return file;
  }

  append(resource: string, segment: string, stream: LogStreamName, message: string): Promise<void> {
    const file = this.#path(resource, segment);
    const isFirst = !this.#appends.has(file);
    if (isFirst) this.#live.add(file);
    const before = this.#appends.get(file) ?? Promise.resolve();
    const records = formatRecords(instantOfMs(this.#clock.nowMs()), stream, message);
    const done = before.then(() => appendRecords(file, records, isFirst));
    // A failed append is its caller's matter; the next one is tried all the same.
    this.#appends.set(
      file,
      done.catch(() => undefined),
    );
    return done;
  }

  async complete(resource: string, segment: string): Promise<void> {
    const file = this.#path(resource, segment);
    await this.#appends.get(file);
    this.#appends.delete(file);
    this.#live.delete(file);
    // Without the line it must be complete all the same.
    if (this.#mayLack.delete(file)) await markLoss(file, this.#now(), true).catch(() => undefined);
    await cutAtLimit(this.#segment(file), this.#segmentBytes, instantOfMs(this.#clock.nowMs()));
    if (existsSync(file)) chmodSync(file, READ_ONLY);
    this.#completed.add(file);
  }

  async query(query: LogQuery): Promise<LogPage> {
    const range = { start: instant(query.startTime), end: instant(query.endTime) };
    const segments = (await Promise.all(query.resources.map((resource) => this.#segments(resource)))).flat();
    const sources = segments.map(({ resource, segment, lines }) => ({
      resource,
      segment,
      lines: lines[query.direction](range, query.contains),
    }));
    return readPage(sources, query, range);
  }

  follow(request: FollowRequest): AsyncIterable<StoredLine[]> {
    return follow(
      {
        segments: (resource) => this.#segments(resource),
        listen: async (resource, listener) => {
          const folder = this.#resourceFolder(resource);
          await mkdir(folder, { recursive: true });
          return this.#watch.listen(folder, listener);
        },
        listenToFile: (path, listener) => this.#watch.listen(path, listener),
      },
      request,
    );
  }

  async *linesAfter(resource: string, segment: string, after: number): AsyncGenerator<StoredLine[]> {
    const tail = new Tail({ resource, segment }, this.#segment(this.#path(resource, segment)), {
      seen: after,
    });
    const lines = tail.fresh();
    try {
      for (let batch = await lines.next(); batch; batch = await lines.next()) {
        if (batch.length > 0) yield batch.map((line) => line.stored(resource, segment));
      }
    } finally {
      await tail.end();
    }
  }

  async segmentsOf(resource: string): Promise<string[]> {
    return (await this.#segments(resource)).map(({ segment }) => segment);
  }

  async lastTimestamp(resource: string, segment: string): Promise<string | undefined> {
    const last = await this.#segment(this.#path(resource, segment)).lastTime();
    return last && formatInstant(last);
  }

  async endBound(resource: string, segment: string): Promise<string | undefined> {
    const path = this.#path(resource, segment);
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    const bound =
      size > LARGE_BYTES
        ? await lastTimeBound(path, size)
        : size > 0 && size <= SMALL_BYTES && lastRisingTime(path);
    return bound ? formatInstant(bound) : this.lastTimestamp(resource, segment);
  }

  async maintain(retention: Retention): Promise<{ compressed: number; removed: number }> {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) {
      this.#sweptMs = nowMs;
      // An earlier server may have left complete segments behind.
      for await (const { path, isClosed } of walkSegments(this.#folder)) {
        if (path.endsWith('.log')) (isClosed ? this.#completed : this.#live).add(path);
      }
    }
    const compressed = await this.#compressCompleted();
    const removed = await removeExpired(this.#folder, retention, nowMs);
    for (const path of removed) this.#known.delete(path.replace(/\.zst$/, ''));
    return { compressed, removed: removed.length };
  }

  async enforceLimits(): Promise<void> {
    const failures: unknown[] = [];
    for (const path of this.#live) {
      // One file that cannot be cut down must not let the others grow.
      await enforceLimit(this.#segment(path), this.#segmentBytes).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'output beyond its limit could not be freed');
  }

  growing(): { resource: string; segment: string; bytes: number }[] {
    return [...this.#live].flatMap((path) => {
      const bytes = statSync(path, { throwIfNoEntry: false })?.size;
      if (bytes === undefined) return [];
      return { resource: basename(dirname(path)), segment: basename(path, '.log'), bytes };
    });
  }

  noteFullDisk(): void {
    for (const path of this.#live) this.#mayLack.add(path);
  }

  async markLosses(): Promise<void> {
    for (const path of this.#mayLack) {
      const isMarked = await markLoss(path, this.#now(), false).then(
        () => true,
        () => false,
      );
      if (isMarked) this.#mayLack.delete(path);
    }
  }

  #now(): Instant {
    return instantOfMs(this.#clock.nowMs());
  }

  async syncGrowing(): Promise<{ synced: number; failed: { segment: string; error: string }[] }> {
    try {
      const { synced, failed } = await this.#sync.pass([...this.#live]);
      const named = failed.map(({ path, error }) => ({ segment: relative(this.#folder, path), error }));
      return { synced, failed: named };
    } catch (error) {
      return { synced: 0, failed: [{ segment: 'all', error: (error as Error).message }] };
    }
  }

  async sync(resource: string, segment: string): Promise<void> {
    await syncSegment(this.#path(resource, segment));
  }

  async #compressCompleted(): Promise<number> {
    let count = 0;
    for (const path of this.#completed) {
      this.#completed.delete(path);
      const status = await stat(path).catch(ifMissing);
      // A small file takes one block of the disk either way.
      if (!status || status.size < MIN_COMPRESSED_BYTES) continue;
      if (await this.#segment(path).compress()) count++;
    }
    return count;
  }

  async close(): Promise<void> {
    await Promise.all(this.#appends.values());
    await this.#sync.close();
    this.#known.clear();
    this.#watch.close();
  }

  async #segments(resource: string): Promise<{ resource: string; segment: string; lines: Segment }[]> {
    const folder = this.#resourceFolder(resource);
    const names = (await readdir(folder).catch(ifMissing)) ?? [];
    // A segment that is being compressed has both files for a moment.
    const segments = new Set(names.flatMap((name) => /^([a-z0-9-]+)\.log(?:\.zst)?$/.exec(name)?.[1] ?? []));
    return [...segments].map((segment) => ({
      resource,
      segment,
      lines: this.#segment(join(folder, `${segment}.log`)),
    }));
  }

  #segment(file: string): Segment {
    const segment = this.#known.get(file) ?? new Segment(file, this.#segmentBytes);
    // Asked for last, forgotten last.
    this.#known.delete(file);
    this.#known.set(file, segment);
    if (this.#known.size > MAX_KNOWN_SEGMENTS) this.#known.delete(this.#known.keys().next().value!);
    return segment;
  }

  #resourceFolder(resource: string): string {
    // Names come from requests: nothing but an id may become a path.
    if (!/^[a-z]{3}-[0-9a-v]{20}$/.test(resource)) throw new Error(`not the id of a resource: ${resource}`);
    return join(this.#folder, resource.slice(4, 9), resource);
  }

  #path(resource: string, segment: string): string {
    if (!/^[a-z0-9-]{1,64}$/.test(segment)) throw new Error(`not the name of a segment: ${segment}`);
    return join(this.#resourceFolder(resource), `${segment}.log`);
  }
}

async function appendRecords(path: string, records: Buffer, isFirst: boolean): Promise<void> {
  if (isFirst) await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a+');
  try {
    // What an earlier process left torn must not swallow the first new record.
    const isTorn = isFirst && (await checkEnd(file, path));
    await file.appendFile(isTorn ? Buffer.concat([Buffer.from('\n'), records]) : records);
  } finally {
    await file.close();
  }
}

/** @returns whether the last record is torn. @throws when the segment is complete */
async function checkEnd(file: FileHandle, path: string): Promise<boolean> {
  const { size, mode } = await file.stat();
  if (isClosedMode(mode)) throw new Error(`nothing can be appended to a complete segment: ${path}`);
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer[0] !== 0x0a;
}

function instantOfMs(ms: number): Instant {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1_000_000) };
}

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (!parsed) throw new Error(`not an RFC 3339 time: ${text}`);
  return parsed;
}
