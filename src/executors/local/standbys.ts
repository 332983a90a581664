/**
 * Supervisors that were started ahead of their jobs. Each has a folder below `<data>/standby` with its name, process id
 * and log; the job that takes it moves that folder, in one rename, into the instance's own. What lies in `standby` when
 * a server starts belonged to one that is gone.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Supervisor } from './runtime.ts';

/** Kept ready: a burst finds some, an idle server holds about 2 MB for each. */
const READY = 3;
/** About as long as a short job takes to its end. */
const REFILL_PAUSE_MS = 15;

/** A name that no other supervisor has or had. */
export const newSupervisorName = (): string => `sup-${randomBytes(10).toString('hex')}`;

export interface Standby {
  supervisor: Supervisor;
  folder: string;
}

export class Standbys {
  readonly #folder: string;
  readonly #start: (folder: string, logFile: string) => Supervisor;
  readonly #discard: (folder: string) => Promise<void>;
  readonly #ready: Standby[] = [];
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param start starts a supervisor that lives in `folder`, with its cgroup and empty bundle
   * @param discard removes what `start` made
   */
  constructor(
    dataDir: string,
    start: (folder: string, logFile: string) => Supervisor,
    discard: (folder: string) => Promise<void>,
  ) {
    this.#folder = join(dataDir, 'standby');
    this.#start = start;
    this.#discard = discard;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Names of the supervisors whose server ended before it used them. */
  leftOver(): { name: string; folder: string }[] {
    return readdirSync(this.#folder).map((name) => ({ name, folder: join(this.#folder, name) }));
  }

  /** One that waits, where there is one. */
  take(): Standby | undefined {
    const ready = this.#ready.findIndex((one) => one.supervisor.ready && isInitialised(one.folder));
    return ready < 0 ? undefined : this.#ready.splice(ready, 1)[0];
  }

  /** Refills when what was started last has had its turn of the CPU. */
  refillSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.refill();
    }, REFILL_PAUSE_MS).unref();
  }

  /** Brings the number of ready ones up again. */
  refill(): void {
    for (const dead of this.#ready.filter(({ supervisor }) => !supervisor.ready)) {
      this.#ready.splice(this.#ready.indexOf(dead), 1);
      void this.#discard(dead.folder).catch(() => undefined);
    }
    while (!this.#closed && this.#ready.length < READY) {
      const made = this.#make();
      // On a full disk, for example: jobs that need one start their own, or fail with the reason.
      if (!made) return;
      this.#ready.push(made);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const standby of this.#ready.splice(0)) {
      standby.supervisor.release();
      await this.#discard(standby.folder);
    }
  }

  #make(): Standby | undefined {
    const folder = join(this.#folder, newSupervisorName());
    try {
      mkdirSync(folder, { mode: 0o700 });
      return { supervisor: this.#start(folder, join(folder, LOG)), folder };
    } catch {
      void this.#discard(folder).catch(() => undefined);
      return undefined;
    }
  }
}

/** What conmon opens and writes at its start, by paths that the rename takes away from it. */
const LOG = 'log';
const isInitialised = (folder: string): boolean =>
  existsSync(join(folder, 'supervisor.pid')) && existsSync(join(folder, LOG));
