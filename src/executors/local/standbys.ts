/**
 * What is made ahead of jobs, so that a start is short. A *standby* is a supervisor that waits. It is either bare, and
 * fits any job, or has its instance made already: everything of a snapshot but the command, with the first process
 * waiting for its word. Such a one fits only jobs whose snapshot and limits say exactly the same, byte for byte.
 *
 * Each standby has a folder below `<data>/standby` with its name, process id, log and the instance's own folders; the
 * job that takes it moves that folder, in one rename, into the instance's own. What lies in `standby` when a server
 * starts belonged to one that is gone.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervisor } from './launcher.ts';
import type { SharedSpec } from './spec.ts';

/** Bare ones: a burst finds some, an idle server holds about 2 MB for each. */
const BARE = 3;
/** Made ones for each snapshot that is in use. */
const MADE_EACH = 2;
/** Snapshots that count as in use, the latest first, and for how long after their last job. */
const SNAPSHOTS = 2;
const IN_USE_MS = 5 * 60_000;
/** About as long as a short job takes to its end. */
const REFILL_PAUSE_MS = 15;

/** In a standby's folder: what its instance prints. */
export const LOG = 'log';

/** A name that no other supervisor has or had. */
export const newSupervisorName = (): string => `sup-${randomBytes(10).toString('hex')}`;

export interface Standby {
  supervisor: Supervisor;
  folder: string;
  /** Of the snapshot whose instance is made; undefined for a bare one. */
  key?: string;
}

/** How standbys are made, looked at and removed. */
export interface StandbyActions {
  /** Starts a supervisor that lives in `folder`, with its cgroup and empty bundle. */
  start(folder: string): Supervisor;
  /** Lets it make an instance. */
  make(standby: Standby, shared: SharedSpec): void;
  /** Whether its supervisor lives, once it is launched. */
  isAlive(standby: Standby): boolean;
  /** Ends it and removes all that the others made. */
  discard(standby: Standby): Promise<void>;
  /** Removes what an interrupted start left. */
  remove(folder: string): Promise<void>;
}

interface InUse {
  shared: SharedSpec;
  lastJobMs: number;
}

export class Standbys {
  readonly #folder: string;
  readonly #actions: StandbyActions;
  readonly #waiting = new Set<Standby>();
  /** By key, the latest last. */
  readonly #inUse = new Map<string, InUse>();
  /** Under way: a server must not end in the middle of one. */
  readonly #removals = new Set<Promise<void>>();
  #isOpen = false;
  #timer: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;

  constructor(dataDir: string, actions: StandbyActions) {
    this.#folder = join(dataDir, 'standby');
    this.#actions = actions;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Folders of those whose server ended before it used them; each has its supervisor's name. */
  leftOver(): string[] {
    return readdirSync(this.#folder).map((name) => join(this.#folder, name));
  }

  /** From now on some are kept ready. */
  open(): void {
    this.#isOpen = true;
    this.refill();
  }

  /** One with its instance made for `key` or, where none is complete, a bare one; undefined where there is none. */
  take(key: string | undefined): Standby | undefined {
    const waiting = [...this.#waiting];
    const chosen =
      (key && waiting.find((one) => one.key === key && this.#isReady(one))) ||
      waiting.find((one) => one.key === undefined && this.#isReady(one));
    if (chosen) this.#waiting.delete(chosen);
    return chosen;
  }

  /** Tells that a job with this snapshot was started: the next may be near. */
  noteUse(key: string, shared: SharedSpec): void {
    if (!this.#isOpen) return;
    this.#inUse.delete(key);
    this.#inUse.set(key, { shared, lastJobMs: performance.now() });
    for (const old of [...this.#inUse.keys()].slice(0, -SNAPSHOTS)) this.#inUse.delete(old);
    this.#expiry ??= setInterval(() => this.refill(), IN_USE_MS / 4).unref();
  }

  /** Refills when what was started last has had its turn of the CPU. */
  refillSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.refill();
    }, REFILL_PAUSE_MS).unref();
  }

  /** Brings the numbers of ready ones up again, and removes those that are of no use any more. */
  refill(): void {
    if (!this.#isOpen) return;
    this.#forgetUnused();
    for (const standby of this.#waiting) {
      if (this.#isOfUse(standby)) continue;
      this.#waiting.delete(standby);
      this.discard(standby);
      if (standby.key !== undefined) this.#inUse.delete(standby.key);
    }
    for (const [key, { shared }] of [...this.#inUse].reverse()) this.#makeFor(key, shared);
    while (this.#bare().length < BARE) {
      // On a full disk, for example: jobs that need one start their own, or fail with the reason.
      if (!this.#startOne()) return;
    }
    // Some of the bare ones were too young to be made into what is missing.
    if ([...this.#inUse.keys()].some((key) => this.#made(key) < MADE_EACH)) this.refillSoon();
  }

  /** Removes one that nobody will use. */
  discard(standby: Standby): void {
    this.#remember(this.#actions.discard(standby));
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    clearInterval(this.#expiry);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const standby of waiting) await this.#actions.discard(standby);
    await Promise.all(this.#removals);
  }

  #remember(removing: Promise<void>): void {
    const removal = removing
      // What stays is left over for the next server.
      .catch(() => undefined)
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #made(key: string): number {
    return [...this.#waiting].filter((one) => one.key === key).length;
  }

  #bare(): Standby[] {
    return [...this.#waiting].filter(({ key }) => key === undefined);
  }

  #isReady(standby: Standby): boolean {
    if (!standby.supervisor.isLaunched) return false;
    try {
      if (!this.#actions.isAlive(standby)) return false;
      return standby.supervisor.report().state === (standby.key === undefined ? 'none' : 'made');
    } catch {
      // What cannot be looked at, for want of descriptors for example, is not given to a job.
      return false;
    }
  }

  #isOfUse(standby: Standby): boolean {
    if (standby.supervisor.isLost) return false;
    if (!standby.supervisor.isLaunched) return true;
    if (standby.key !== undefined && !this.#inUse.has(standby.key)) return false;
    try {
      return standby.supervisor.report().state !== 'failed' && this.#actions.isAlive(standby);
    } catch {
      // Unknown is not dead.
      return true;
    }
  }

  #forgetUnused(): void {
    for (const [key, { lastJobMs }] of this.#inUse) {
      if (performance.now() - lastJobMs > IN_USE_MS) this.#inUse.delete(key);
    }
    if (this.#inUse.size > 0) return;
    clearInterval(this.#expiry);
    this.#expiry = undefined;
  }

  /**
   * Turns bare ones into made ones; those that are too young yet are taken the next time. What cannot be made once will
   * not be then either: jobs with that snapshot learn why from their own start.
   */
  #makeFor(key: string, shared: SharedSpec): void {
    const ready = this.#bare().filter((one) => this.#isReady(one));
    for (const standby of ready.slice(0, Math.max(0, MADE_EACH - this.#made(key)))) {
      standby.key = key;
      try {
        this.#actions.make(standby, shared);
      } catch {
        this.#waiting.delete(standby);
        this.discard(standby);
        this.#inUse.delete(key);
        return;
      }
    }
  }

  #startOne(): boolean {
    const folder = join(this.#folder, newSupervisorName());
    try {
      mkdirSync(folder, { mode: 0o700 });
      this.#waiting.add({ supervisor: this.#actions.start(folder), folder });
      return true;
    } catch {
      this.#remember(this.#actions.remove(folder));
      return false;
    }
  }
}
