/**
 * Takes jobs from the committed intent to start to their end, and takes up again those that an earlier server left.
 *
 * Two things that must not be confused: `serverStop` ends this process's work and leaves every instance alone;
 * stopping a job is the stored phase `stopping`, which survives this process.
 *
 * What a crash leaves, and what `adopt` makes of it, is argued in docs/recovery.md.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { artifactTree } from '../builds/artifact-path.ts';
import type { Context } from '../context.ts';
import { findJobById, findSnapshot, transitionJob } from '../db/queries/jobs.ts';
import type { JobsTable } from '../db/schema.ts';
import { type InstanceSpec, isOf, StartFailedError } from '../executors/executor.ts';
import { isTerminal } from '../lifecycle/job.ts';
import { instanceTypes } from '../services/plans.ts';
import { processEnvironment } from '../services/process-environment.ts';
import { type Clock, parseMicros } from '../shared/clock.ts';
import { crashPoint } from '../shared/crash-points.ts';
import { SealedWithAnotherKey } from '../shared/vault.ts';
import { stopRunning } from './cancel-job.ts';
import { concludeJob } from './conclude-job.ts';
import { Deadlines } from './deadlines.ts';
import { type End, exitOf, judge } from './end-cause.ts';
import { storeDiskFull } from './end-for-disk.ts';
import { finishJob, OUTPUT } from './finish-job.ts';
import { endOf, endOfOtherBoot } from './outside-stop.ts';
import { openSnapshot } from './snapshot.ts';

/** After the first SIGKILL: something may have been forked in the same instant. */
const KILL_AGAIN_MS = 1000;

/** What the jobs in this runner's hands hold together. */
export interface Held {
  memoryBytes: number;
  cpuMillis: number;
  jobs: number;
  /** Of these, how many are being started right now. */
  starting: number;
}

export class JobRunner {
  readonly held: Held = { memoryBytes: 0, cpuMillis: 0, jobs: 0, starting: 0 };
  /** Jobs whose intent to start the dispatcher is committing: until it hands them over, nobody takes them up. */
  readonly announced = new Set<string>();
  readonly #context: Context;
  readonly #serverStop = new AbortController();
  readonly #tracked = new Map<string, Promise<void>>();
  readonly #deadlines: Deadlines;
  /** Why jobs were ended for the room that they took, where there was none to store it. */
  readonly #diskFull = new Map<string, string>();

  constructor(context: Context) {
    this.#context = context;
    this.#deadlines = new Deadlines(context.clock, (id) => this.#inBackground(id, this.#deadlinePassed(id)));
  }

  /** Starts a job whose intent to start is committed, and follows it to its end. */
  run(job: JobsTable): void {
    this.#track(job, async () => {
      this.held.starting += 1;
      try {
        await this.#start(job);
      } finally {
        this.held.starting -= 1;
        this.#context.nudge.dispatch();
      }
      await this.#follow(job.id);
    });
  }

  /** Takes up a job in `starting`, `running` or `stopping` that nobody follows. */
  adopt(job: JobsTable): void {
    this.#track(job, async () => {
      // Its output goes on: the log store must look after it again.
      await this.#context.logStore.segmentFile(job.id, OUTPUT);
      await this.#recover(job);
      await this.#follow(job.id);
    });
  }

  tracks(id: string): boolean {
    return this.#tracked.has(id) || this.announced.has(id);
  }

  /** Acts on the stored intention to end a job, now. */
  stopNow(id: string): void {
    this.#inBackground(id, this.#sendStop(id));
  }

  /**
   * Ends a running job at once for the room that it takes. Where there is none to store that, it is killed first, and
   * the reason is stored with its end.
   */
  async endForDisk(id: string, why: string): Promise<void> {
    try {
      if (!(await storeDiskFull(this.#context, id, why))) return;
    } catch {
      if (!this.#tracked.has(id)) return;
      this.#diskFull.set(id, why);
    }
    await this.#context.executor.signal(id, 'SIGKILL');
    if (this.#tracked.has(id)) this.#deadlines.set(id, this.#context.clock.monotonicMs() + KILL_AGAIN_MS);
  }

  /** Ends this process's work on all jobs; resolves when none is half-way through a step. Instances go on. */
  async close(): Promise<void> {
    this.#serverStop.abort(new ServerStopping());
    this.#deadlines.stop();
    await Promise.allSettled(this.#tracked.values());
  }

  #track(job: JobsTable, work: () => Promise<void>): void {
    if (this.#tracked.has(job.id) || this.#serverStop.signal.aborted) return;
    this.#hold(job, 1);
    const done = work()
      .catch((error: unknown) => {
        // The sweep takes it up again: nothing is decided here that the disk does not say.
        if (!(error instanceof ServerStopping)) {
          this.#context.logger.error('following a job failed; it will be taken up again', error, {
            job: job.id,
          });
        }
      })
      .finally(() => {
        this.#tracked.delete(job.id);
        this.#deadlines.clear(job.id);
        this.#hold(job, -1);
        this.#context.nudge.dispatch();
      });
    this.#tracked.set(job.id, done);
  }

  #hold(job: JobsTable, sign: 1 | -1): void {
    this.held.memoryBytes += sign * job.memory_bytes;
    this.held.cpuMillis += sign * job.cpu_millis;
    this.held.jobs += sign;
  }

  async #start(job: JobsTable): Promise<void> {
    try {
      const { startedAt } = await this.#context.executor.start(await this.#spec(job));
      crashPoint('command-started');
      await this.#markStarted(job.id, startedAt);
      crashPoint('started-committed');
    } catch (error) {
      // What it froze does not open: another attempt would find the same.
      const neverStarts = error instanceof StartFailedError || error instanceof SealedWithAnotherKey;
      if (!neverStarts) return this.#recover(job, error);
      this.#context.logger.error('an instance could not be started', error, { job: job.id });
      await finishJob(this.#context, job.id, { kind: 'neverStarted', message: error.message });
    }
  }

  async #spec(job: JobsTable): Promise<InstanceSpec> {
    const { database, vault, config, logStore } = this.#context;
    const stored = await findSnapshot(database.read, job.snapshot_id);
    if (!stored) throw new Error(`job ${job.id} has no snapshot`);
    const snapshot = openSnapshot(vault, stored.id, stored.sealed);
    return {
      id: job.id,
      command: job.start_command,
      environment: processEnvironment(
        { ...snapshot, instanceId: job.id, jobId: job.id, cpuMillis: job.cpu_millis },
        snapshot.variables,
      ),
      secretFiles: snapshot.secretFiles,
      project: { kind: 'artifact', tree: artifactTree(config, { id: snapshot.artifactId }) },
      workingDirectory: snapshot.workingDirectory,
      limits: {
        memoryBytes: job.memory_bytes,
        cpuMillis: job.cpu_millis,
        pids: instanceTypes.find(({ id }) => id === job.plan_id)?.pids ?? 512,
      },
      logFile: await logStore.segmentFile(job.id, OUTPUT),
    };
  }

  async #markStarted(id: string, startedAt: string): Promise<void> {
    const { database, clock } = this.#context;
    await database.write(async (trx) => {
      const job = await findJobById(trx, id);
      if (job?.phase !== 'starting') return;
      await transitionJob(trx, id, 'started', clock.now(), {
        // The ticket's time has the coarser clock of the file system.
        started_at: startedAt > job.created_at ? startedAt : job.created_at,
        deadline_monotonic_ms: deadlineOf(job, startedAt, clock),
      });
      if (job.end_cause) await stopRunning(this.#context, trx, { ...job, phase: 'running' }, 'cancel');
    }, 'jobs');
  }

  /** From `running` or `stopping` to the end. A job that is in another phase by now is left to whoever put it there. */
  async #follow(id: string): Promise<void> {
    const { database, executor } = this.#context;
    const job = await findJobById(database.read, id);
    if (!job || (job.phase !== 'running' && job.phase !== 'stopping')) return;
    if (job.phase === 'stopping') await this.#sendStop(id);
    else if (job.deadline_monotonic_ms !== null) this.#deadlines.set(id, job.deadline_monotonic_ms);
    const over = await executor.wait(id, this.#serverStop.signal);
    crashPoint('exit-seen');
    // Whatever runs on without its supervisor can neither be heard nor judged.
    if (over.state === 'lost') await executor.destroy(id);
    const end = await endOf(this.#context, job, over);
    const why = this.#diskFull.get(id);
    await this.#end(id, why === undefined ? end : { kind: 'diskFull', message: why, exit: exitOf(end) });
  }

  async #end(id: string, end: End): Promise<void> {
    // What it wrote is of no use any more, and its end needs room.
    if (!this.#context.diskReserve.hasRoom()) await this.#context.executor.shed(id);
    await finishJob(this.#context, id, end);
    this.#diskFull.delete(id);
    crashPoint('final-committed');
    // Whoever waits for the end is answered before its remains are cleared away.
    await nextTurn();
    await this.#context.executor.destroy(id);
  }

  /** Decides by what is on disk, after a crash or an undecided start. */
  async #recover(job: JobsTable, cause?: unknown): Promise<void> {
    const { executor, bootId, logger } = this.#context;
    const found = await executor.inspect(job.id);
    logger.info('taking up a job', { job: job.id, phase: job.phase, found: found.state });
    if (found.state === 'exited') {
      if (job.phase === 'starting') await this.#markStarted(job.id, found.startedAt);
      return;
    }
    if (job.boot_id !== bootId) {
      await executor.destroy(job.id);
      const startedAt = 'startedAt' in found ? found.startedAt : (job.started_at ?? job.created_at);
      return this.#end(job.id, await endOfOtherBoot(this.#context, job, startedAt));
    }
    switch (found.state) {
      case 'running':
      case 'lost':
        if (job.phase === 'starting') await this.#markStarted(job.id, found.startedAt);
        return;
      case 'unstarted':
        // Whoever takes the ticket decides: when it is ours, the command never ran and never will.
        if (!(await executor.claim(job.id))) return this.#recover(job, cause);
        crashPoint('ticket-claimed');
        await executor.destroy(job.id);
        return this.#neverRan(job);
      case 'claimed':
        await executor.destroy(job.id);
        return this.#neverRan(job);
      case 'absent':
        if (cause) throw cause;
        return this.#neverRan(job);
      default:
        found satisfies never;
    }
  }

  /** Nothing of the instance is there: before its start that is proof that it did not run, after it a loss. */
  async #neverRan(job: JobsTable): Promise<void> {
    if (job.phase === 'starting') return this.#putBack(job.id);
    await this.#end(job.id, { kind: 'lost', message: 'its instance is gone without a record of its exit' });
  }

  /** Returns a job that provably did not run to the queue, or ends it when an end was asked for. */
  async #putBack(id: string): Promise<void> {
    const { database, clock } = this.#context;
    const ended = await database.write(async (trx) => {
      const job = await findJobById(trx, id);
      if (job?.phase !== 'starting') return false;
      if (!job.end_cause) {
        await transitionJob(trx, id, 'requeue', clock.now(), {
          engine: null,
          boot_id: null,
          deadline_monotonic_ms: null,
        });
        return false;
      }
      await concludeJob(trx, job, judge(job, { kind: 'neverStarted', message: '' }), clock.now());
      return true;
    }, 'jobs');
    if (ended) this.#context.finishedJobs.announce(id);
  }

  async #deadlinePassed(id: string): Promise<void> {
    const job = await findJobById(this.#context.database.read, id);
    if (!job || isTerminal(job.phase)) return;
    if (job.phase === 'running') {
      await this.#context.database.write((trx) => stopRunning(this.#context, trx, job, 'timeout'), 'jobs');
      return this.#sendStop(id);
    }
    await this.#context.executor.signal(id, 'SIGKILL');
    this.#deadlines.set(id, this.#context.clock.monotonicMs() + KILL_AGAIN_MS);
  }

  async #sendStop(id: string): Promise<void> {
    const job = await findJobById(this.#context.database.read, id);
    if (job?.phase !== 'stopping' || job.stop_monotonic_ms === null) return;
    // The intention is stored: whoever follows the job acts on it.
    if (!isOf(this.#context.executor, job) || this.#context.hold.held) return;
    crashPoint('stop-committed');
    await this.#context.executor.signal(id, 'SIGTERM');
    crashPoint('stop-signaled');
    if (this.#tracked.has(id)) this.#deadlines.set(id, job.stop_monotonic_ms);
  }

  #inBackground(id: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#context.logger.error('ending a job failed; it is tried again', error, { job: id });
      if (this.#tracked.has(id)) this.#deadlines.set(id, this.#context.clock.monotonicMs() + KILL_AGAIN_MS);
    });
  }
}

/**
 * When a job reaches its limit that started at `startedAt`. That is usually now; when a restart came in between, the
 * time since then counts as well. The wall clock says how much, and may have jumped: so never later than counted from
 * now, and never earlier than counted from the intent to start, which was stored by the monotonic clock.
 */
function deadlineOf(job: JobsTable, startedAt: string, clock: Clock): number {
  const limitMs = job.timeout_seconds * 1000;
  const ranMs = clock.nowMs() - parseMicros(startedAt) / 1000;
  const now = clock.monotonicMs();
  return Math.min(now + limitMs, Math.max(now - ranMs + limitMs, job.deadline_monotonic_ms ?? 0));
}

/** Rejects waits when the server stops; never an error of a job. */
class ServerStopping extends Error {}
