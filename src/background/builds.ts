/**
 * The build loop: compares the deploys that are recorded as queued or in progress with the builds that this process
 * runs. Queued ones start in order, one of a service at a time and `config.maxBuilds` in all; one in progress that
 * nobody here runs was left by an earlier server and is taken up again; a running one that was canceled is ended.
 */
import { DeployFailure } from '../builds/deploy-failure.ts';
import { sweepBuildFolders } from '../builds/remove-old-artifacts.ts';
import { runBuild } from '../builds/run-build.ts';
import type { Context } from '../context.ts';
import { deploysInProgress, nextQueuedDeploy, transitionDeploy } from '../db/queries/deploys.ts';
import { newestDeletion } from '../db/queries/services.ts';
import type { DeploysTable } from '../db/schema.ts';
import { isOf } from '../executors/executor.ts';
import { type Loop, startLoop } from './loop.ts';

/** Without a nudge, work is found within this time. */
const INTERVAL_MS = 5000;
/** Folders that crashes left behind do no harm but take space. */
const SWEEP_INTERVAL_MS = 60 * 60 * 1000;

/** Starts the loop. `stop` resolves when no build is followed any more; what runs of them goes on. */
export function startBuildLoop(context: Context): BuildLoop {
  const builds = new Builds(context, () => loop.nudge());
  const loop = startLoop('builds', INTERVAL_MS, () => builds.pass(), context.logger);
  return {
    nudge: loop.nudge,
    endForDisk: (id, why) => builds.endForDisk(id, why),
    async stop() {
      builds.stopFollowing();
      await loop.stop();
      await builds.settled();
    },
  };
}

export interface BuildLoop extends Loop {
  /** Ends a running build at once for the room that it takes. */
  endForDisk(deployId: string, why: string): void;
}

interface RunningBuild {
  cancel: AbortController;
  diskFull: AbortController;
  done: Promise<void>;
}

class Builds {
  readonly #context: Context;
  readonly #nudge: () => void;
  readonly #running = new Map<string, RunningBuild>();
  readonly #serverStop = new AbortController();
  #sweptAt = Number.NEGATIVE_INFINITY;
  /** The newest deletion of a service that a sweep has seen. */
  #sweptDeletion: string | undefined;

  constructor(context: Context, nudge: () => void) {
    this.#context = context;
    this.#nudge = nudge;
  }

  async pass(): Promise<void> {
    if (this.#serverStop.signal.aborted || this.#context.hold.held) return;
    const inProgress = await deploysInProgress(this.#context.database.read);
    this.#endCanceled(inProgress);
    for (const deploy of inProgress) {
      if (isOf(this.#context.executor, deploy) && !this.#running.has(deploy.id)) this.#run(deploy);
    }
    await this.#startQueued();
    await this.#sweepNowAndThen();
  }

  stopFollowing(): void {
    this.#serverStop.abort(new Error('the server stops'));
  }

  /** Ends a build for the room that it takes. */
  endForDisk(id: string, why: string): void {
    this.#running
      .get(id)
      ?.diskFull.abort(new DeployFailure('failBuild', `the build was ended, with its cache counted: ${why}`));
  }

  async settled(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #endCanceled(inProgress: readonly DeploysTable[]): void {
    const wanted = new Set(inProgress.map(({ id }) => id));
    for (const [id, { cancel }] of this.#running) {
      if (!wanted.has(id)) cancel.abort(new Error('the deploy was canceled'));
    }
  }

  async #startQueued(): Promise<void> {
    const { config, database, clock, diskReserve, executor } = this.#context;
    // What runs needs the rest of the disk for its end.
    if (!diskReserve.hasRoom()) return;
    while (this.#running.size < config.maxBuilds && !this.#serverStop.signal.aborted) {
      // Looked at outside a transaction first: a write for nothing would cost a sync of the disk on every pass.
      if (!(await nextQueuedDeploy(database.read))) return;
      const claimed = await database.write(async (trx) => {
        const next = await nextQueuedDeploy(trx);
        return next && transitionDeploy(trx, next.id, 'build', { at: clock.now(), engine: executor.name });
      });
      if (!claimed) return;
      if (claimed.result === 'applied') this.#run(claimed.deploy);
    }
  }

  #run(deploy: DeploysTable): void {
    const cancel = new AbortController();
    const diskFull = new AbortController();
    const signals = {
      serverStop: this.#serverStop.signal,
      cancel: cancel.signal,
      diskFull: diskFull.signal,
    };
    const done = runBuild(this.#context, deploy, signals)
      .then(() => true)
      .catch((error: unknown) => {
        this.#context.logger.error('a build stopped; it is taken up again later', error, {
          deploy: deploy.id,
        });
        return false;
      })
      .then((finished) => {
        this.#running.delete(deploy.id);
        // After a failure of the storage the timer is soon enough: at once would be a busy loop.
        if (finished) this.#nudge();
      });
    this.#running.set(deploy.id, { cancel, diskFull, done });
  }

  async #sweepNowAndThen(): Promise<void> {
    const { clock, database } = this.#context;
    const deletion = await newestDeletion(database.read);
    const isTime = clock.monotonicMs() - this.#sweptAt >= SWEEP_INTERVAL_MS;
    if (!isTime && deletion === this.#sweptDeletion) return;
    this.#sweptAt = clock.monotonicMs();
    this.#sweptDeletion = deletion;
    await sweepBuildFolders(this.#context);
  }
}
