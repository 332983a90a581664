/** What the domain's verbs work with. Made once by `server.ts` and handed down as an argument; never a global. */
import type { Config } from './config.ts';
import type { Database } from './db/open.ts';
import type { Executor } from './executors/executor.ts';
import type { HostStops } from './executors/host-stop.ts';
import type { FinishedJobs } from './jobs/finished-jobs.ts';
import type { Held } from './jobs/runner.ts';
import type { LogStore } from './logs/log-store.ts';
import type { Hold } from './safekeeping/hold.ts';
import type { DiskReserve } from './services/disk-reserve.ts';
import type { Clock } from './shared/clock.ts';
import type { Logger } from './shared/logger.ts';
import type { Vault } from './shared/vault.ts';

export interface Context {
  config: Config;
  database: Database;
  executor: Executor;
  logStore: LogStore;
  vault: Vault;
  clock: Clock;
  logger: Logger;
  /** What jobs that run hold of `config.capacity`. */
  held: () => Held;
  /** Whether the data folder has room for more. */
  diskReserve: DiskReserve;
  /** Whether work is held back, because the data folder is a copy. */
  hold: Hold;
  /** Announces jobs that became final. */
  finishedJobs: FinishedJobs;
  /** Identity of the host's current boot: the monotonic clock and all processes belong to it. */
  bootId: string;
  /** What is known of stops of the host, which end jobs without a fault of theirs. */
  hostStops: HostStops;
  /** Hints to the background loops that there is work. A lost hint costs time, never correctness. */
  nudge: { dispatch: () => void; build: () => void; stop: (jobId: string) => void };
}
