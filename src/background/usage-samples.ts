/** Samples what running instances use, for the metrics. A missed sample is a gap in a curve and nothing else. */
import type { Context } from '../context.ts';
import { activeJobs } from '../db/queries/jobs.ts';
import { deleteUsageSamplesBefore, insertUsageSample } from '../db/queries/usage-samples.ts';
import type { JobsTable, UsageSamplesTable } from '../db/schema.ts';
import { isOf } from '../executors/executor.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 5000;
const PRUNE_EVERY_MS = 3_600_000;
const KEPT_MS = 30 * 24 * 3_600_000;

export function startUsageLoop(context: Context): Loop {
  const sampler = new UsageSampler(context);
  return startLoop('usage samples', INTERVAL_MS, () => sampler.pass().then(() => {}), context.logger);
}

interface Reading {
  cpuSeconds: number;
  atMs: number;
}

export class UsageSampler {
  readonly #context: Context;
  /** The reading before of every job that runs: CPU is counted, and a rate needs two counts. */
  #before = new Map<string, Reading>();
  #prunedAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Samples every running job once. @returns how many samples were stored */
  async pass(): Promise<number> {
    const { database, clock } = this.#context;
    await this.#prune();
    if (this.#context.hold.held) return 0;
    const running = (await activeJobs(database.read)).filter(
      (job) => job.started_at !== null && isOf(this.#context.executor, job),
    );
    const readings = new Map<string, Reading>();
    const samples: UsageSamplesTable[] = [];
    for (const job of running) {
      const usage = await this.#context.executor.usage(job.id);
      if (!usage) continue;
      const atMs = clock.nowMs();
      readings.set(job.id, { cpuSeconds: usage.cpuSeconds, atMs });
      samples.push(this.#sample(job, usage, atMs));
    }
    this.#before = readings;
    if (samples.length > 0) {
      await database.write(async (trx) => {
        for (const sample of samples) await insertUsageSample(trx, sample);
      }, 'jobs');
    }
    return samples.length;
  }

  #sample(
    job: JobsTable,
    usage: { memoryBytes: number; cpuSeconds: number },
    atMs: number,
  ): UsageSamplesTable {
    const before = this.#before.get(job.id) ?? { cpuSeconds: 0, atMs: parseMicros(job.started_at!) / 1000 };
    const seconds = Math.max((atMs - before.atMs) / 1000, 0.001);
    const cpus = Math.max(0, usage.cpuSeconds - before.cpuSeconds) / seconds;
    return {
      job_id: job.id,
      workspace_id: job.workspace_id,
      service_id: job.service_id,
      at: this.#context.clock.now(),
      cpu_millis: Math.round(cpus * 1000),
      memory_bytes: usage.memoryBytes,
      cpu_limit_millis: job.cpu_millis,
      memory_limit_bytes: job.memory_bytes,
    };
  }

  async #prune(): Promise<void> {
    const { database, clock } = this.#context;
    if (clock.monotonicMs() - this.#prunedAtMs < PRUNE_EVERY_MS) return;
    this.#prunedAtMs = clock.monotonicMs();
    const oldest = formatMicros((clock.nowMs() - KEPT_MS) * 1000);
    await database.write((trx) => deleteUsageSamplesBefore(trx, oldest), 'jobs');
  }
}
