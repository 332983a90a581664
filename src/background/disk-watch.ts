/**
 * Ends whoever takes too much of the disk: a job or build that passed its own limit, or, when the reserve is touched,
 * the one that wrote most. The free room is looked at several times in a second, which costs microseconds. What an
 * instance takes is measured, in a process of its own, only when the disk lost so much that its limit may be reached,
 * and once in a while.
 */
import { existsSync } from 'node:fs';
import { buildFolder, cacheFolder } from '../builds/artifact-path.ts';
import type { Context } from '../context.ts';
import { findDeployById } from '../db/queries/deploys.ts';
import type { DiskLimits } from '../services/disk-limits.ts';
import type { Room } from '../services/disk-reserve.ts';
import { isId } from '../shared/ids.ts';
import { hasMoreFiles, type TreeUse, treeUse } from '../shared/tree-use.ts';
import { type Loop, startLoop } from './loop.ts';

/** A fast disk takes some hundred MB in this time. */
const INTERVAL_MS = 250;
const LIST_EVERY_MS = 1000;
/** All are measured this often: what was written before the disk became short is told from what fills it. */
const MEASURE_EVERY_MS = 60_000;
/** After a measurement as many times what it took. */
const REST_FACTOR = 5;
const LONGEST_REST_MS = 30_000;
/** A tree that takes longer is looked at by itself. */
const PATIENCE_MS = 5000;
const LONG_PATIENCE_MS = 120_000;
/** Its end gives the room back; the next one is looked for only when it did not. */
const AFTER_END_MS = 5000;
/** So little is as good as nothing: file systems keep a rest for themselves. */
const FULL_BYTES = 2 ** 20;
/** Who wrote less than this is not who fills the disk. */
const LEAST: TreeUse = { bytes: 2 ** 20, files: 1000 };
const LEAST_SHARE = 0.1;

/** What ends an instance. */
export interface Ends {
  job(id: string, why: string): Promise<void>;
  build(id: string, why: string): Promise<void>;
}

interface Watched {
  /** When it was measured, and what was taken of the disk in all then. */
  measuredMs: number;
  usedBytes: number;
  usedFiles: number;
  use: TreeUse;
  /** What it took while the disk was not short. */
  before: TreeUse;
}

export function startDiskWatchLoop(context: Context, limits: DiskLimits, ends: Ends): Loop {
  const watch = new DiskWatch(context, limits, ends);
  const loop = startLoop('disk watch', INTERVAL_MS, () => watch.pass(), context.logger);
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      await watch.settled();
    },
  };
}

export class DiskWatch {
  readonly #context: Context;
  readonly #limits: DiskLimits;
  readonly #ends: Ends;
  #watched: Map<string, Watched> | undefined;
  #listedMs = Number.NEGATIVE_INFINITY;
  #listedRoom: Room | undefined;
  #wasFull = false;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #endedMs = Number.NEGATIVE_INFINITY;
  #measuring: Promise<void> | undefined;

  constructor(context: Context, limits: DiskLimits, ends: Ends) {
    this.#context = context;
    this.#limits = limits;
    this.#ends = ends;
  }

  /** One look. What has to be measured is measured meanwhile. */
  async pass(): Promise<void> {
    const { diskReserve, clock } = this.#context;
    const room = diskReserve.look();
    const now = clock.monotonicMs();
    await this.#noteFull(room);
    if (now - this.#listedMs >= LIST_EVERY_MS) {
      this.#listedMs = now;
      await this.#list(room);
    }
    if (this.#measuring) return;
    const due = diskReserve.hasRoom() ? this.#due(room, now) : this.#dueWhileShort(now);
    if (due.length === 0) return;
    this.#measuring = this.#measure(due, room)
      .catch((error: unknown) => {
        this.#context.logger.error('what instances take of the disk could not be measured', error);
      })
      .finally(() => {
        this.#measuring = undefined;
        const rest = Math.min(LONGEST_REST_MS, REST_FACTOR * (clock.monotonicMs() - now));
        this.#restUntilMs = clock.monotonicMs() + rest;
      });
  }

  /** Resolves when nothing is measured. */
  async settled(): Promise<void> {
    await this.#measuring;
  }

  /** Output that meets a full disk is lost; who reads it must know. */
  async #noteFull({ freeBytes }: Room): Promise<void> {
    const { logStore } = this.#context;
    if (freeBytes < FULL_BYTES) {
      this.#wasFull = true;
      logStore.noteFullDisk();
    } else if (this.#wasFull) {
      this.#wasFull = false;
      await logStore.markLosses();
    }
  }

  /** What began since the last look has written nothing; of what this server found nothing is known. */
  async #list(room: Room): Promise<void> {
    const present = (await this.#context.executor.list()).filter((id) => isId(id, 'job', 'dep'));
    const measuredMs = this.#watched ? this.#context.clock.monotonicMs() : Number.NEGATIVE_INFINITY;
    const nothing = { bytes: 0, files: 0 };
    // Counted from the look before, when it was not there: it may have been quick.
    const { usedBytes, usedFiles } = this.#listedRoom ?? room;
    this.#listedRoom = room;
    const before = this.#watched;
    this.#watched = new Map(
      present.map((id) => [
        id,
        before?.get(id) ?? { measuredMs, usedBytes, usedFiles, use: nothing, before: nothing },
      ]),
    );
  }

  #due({ usedBytes, usedFiles }: Room, now: number): string[] {
    if (now < this.#restUntilMs) return [];
    const { bytes, files } = this.#limits;
    return [...this.#watched!]
      .filter(
        ([, one]) =>
          one.use.bytes + Math.max(0, usedBytes - one.usedBytes) > bytes ||
          one.use.files + Math.max(0, usedFiles - one.usedFiles) > files ||
          now - one.measuredMs > MEASURE_EVERY_MS,
      )
      .map(([id]) => id);
  }

  #dueWhileShort(now: number): string[] {
    return now - this.#endedMs < AFTER_END_MS ? [] : [...this.#watched!.keys()];
  }

  async #measure(ids: string[], room: Room): Promise<void> {
    const { diskReserve, clock } = this.#context;
    const isShort = !diskReserve.hasRoom();
    const uses = await this.#uses(ids, PATIENCE_MS);
    for (const [id, use] of uses) await this.#note(id, use, room, isShort);
    if (!isShort) for (const id of ids) if (!uses.has(id)) await this.#measureLarge(id, room);
    // Somebody may have made room meanwhile.
    diskReserve.look();
    if (!isShort || diskReserve.hasRoom() || clock.monotonicMs() - this.#endedMs < AFTER_END_MS) return;
    const filler = this.#filler(uses, ids);
    if (filler) await this.#end(filler.id, filler.why);
  }

  async #note(id: string, use: TreeUse, room: Room, isShort: boolean): Promise<void> {
    const one = this.#watched!.get(id);
    if (!one) return;
    one.use = use;
    one.measuredMs = this.#context.clock.monotonicMs();
    one.usedBytes = room.usedBytes;
    one.usedFiles = room.usedFiles;
    if (!isShort) one.before = use;
    const excess = this.#excess(use);
    if (excess) await this.#end(id, excess);
  }

  /** One that has very many files: to count them is quicker than to look at each, and ends at the limit. */
  async #measureLarge(id: string, room: Room): Promise<void> {
    const folders = await this.#presentFolders(id);
    if (folders.length === 0) return;
    const { files } = this.#limits;
    if (await hasMoreFiles(folders, files, LONG_PATIENCE_MS)) {
      return this.#end(id, `it had more files and folders than its limit of ${files} (--max-job-files)`);
    }
    const use = (await this.#uses([id], LONG_PATIENCE_MS)).get(id);
    if (use) await this.#note(id, use, room, false);
  }

  #excess({ bytes, files }: TreeUse): string | undefined {
    const limits = this.#limits;
    if (bytes > limits.bytes) {
      return `its files took ${size(bytes)}, more than its limit of ${size(limits.bytes)} (--max-job-disk)`;
    }
    if (files <= limits.files) return undefined;
    return `it had ${files} files and folders, more than its limit of ${limits.files} (--max-job-files)`;
  }

  /** Who wrote most since the disk had room, else who takes most; nobody when what is missing is elsewhere. */
  #filler(uses: Map<string, TreeUse>, ids: string[]): { id: string; why: string } | undefined {
    const missing = this.#context.diskReserve.missing();
    const kind = missing.bytes > 0 ? 'bytes' : 'files';
    const found = `the disk was nearly ${kind === 'bytes' ? 'full' : 'out of inodes'}`;
    const before = (id: string): number => this.#watched!.get(id)?.before[kind] ?? 0;
    const grown = largest(uses, (id, use) => use[kind] - before(id));
    const whole = largest(uses, (_, use) => use[kind]);
    const chosen =
      grown && grown.amount >= Math.max(LEAST[kind], missing[kind] * LEAST_SHARE)
        ? grown
        : whole && whole.amount >= Math.max(LEAST[kind], missing[kind])
          ? whole
          : undefined;
    if (chosen) {
      const { bytes, files } = uses.get(chosen.id)!;
      return {
        id: chosen.id,
        why: `${found}, and its files took most: ${size(bytes)} in ${files} files and folders`,
      };
    }
    // What could not be measured in time has very many.
    const unmeasured = ids.find((id) => !uses.has(id) && this.#watched!.has(id));
    return unmeasured === undefined
      ? undefined
      : { id: unmeasured, why: `${found}, and its files were too many to be counted` };
  }

  async #end(id: string, why: string): Promise<void> {
    this.#endedMs = this.#context.clock.monotonicMs();
    this.#context.logger.warn('ending what takes too much of the disk', { instance: id, why });
    await (isId(id, 'job') ? this.#ends.job(id, why) : this.#ends.build(id, why));
  }

  /** Those of the instances that could be measured in time. */
  async #uses(ids: string[], patienceMs: number): Promise<Map<string, TreeUse>> {
    const folders = new Map<string, string[]>();
    for (const id of ids)
      folders.set(
        id,
        (await this.#folders(id)).filter((folder) => existsSync(folder)),
      );
    const found = await treeUse([...folders.values()].flat(), patienceMs);
    const uses = new Map<string, TreeUse>();
    for (const [id, own] of folders) {
      const total: TreeUse = { bytes: 0, files: 0 };
      for (const folder of own) {
        total.bytes += found.get(folder)?.bytes ?? 0;
        total.files += found.get(folder)?.files ?? 0;
      }
      // A part is no measure of the whole.
      if (own.every((folder) => found.has(folder) || !existsSync(folder))) uses.set(id, total);
    }
    return uses;
  }

  async #presentFolders(id: string): Promise<string[]> {
    return (await this.#folders(id)).filter((folder) => existsSync(folder));
  }

  async #folders(id: string): Promise<string[]> {
    const { executor, config, database } = this.#context;
    const own = executor.folders(id);
    if (!isId(id, 'dep')) return own;
    const deploy = await findDeployById(database.read, id);
    // The cache is written by one build of its service at a time.
    const cache = deploy ? [cacheFolder(config, deploy.service_id)] : [];
    return [...own, buildFolder(config, id), ...cache];
  }
}

function largest(
  uses: Map<string, TreeUse>,
  amountOf: (id: string, use: TreeUse) => number,
): { id: string; amount: number } | undefined {
  let found: { id: string; amount: number } | undefined;
  for (const [id, use] of uses) {
    const amount = amountOf(id, use);
    if (!found || amount > found.amount) found = { id, amount };
  }
  return found;
}

/** `1.5 GB`; units are binary, as those of the settings. */
function size(bytes: number): string {
  const megabytes = bytes / 2 ** 20;
  return megabytes < 1024 ? `${megabytes.toFixed(1)} MB` : `${(megabytes / 1024).toFixed(1)} GB`;
}
