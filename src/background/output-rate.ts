/**
 * Slows whoever floods its output. A supervisor takes all that a command prints, so it is the command that gets less
 * CPU, until it prints at the rate that is allowed. Should the server die meanwhile, it goes on at that share, and the
 * next server gives it back what it had.
 */
import { LIMITS as BUILD_LIMITS } from '../builds/run-build-command.ts';
import type { Context } from '../context.ts';
import { activeJobs, findJobById } from '../db/queries/jobs.ts';
import { isId } from '../shared/ids.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 500;
/** As much as so many seconds at the full rate may come at once. */
const BURST_SECONDS = 10;
const LEAST_SHARE = 0.001;
/** What prints less than half of what it may gets more. */
const EASY = 0.5;

export function startOutputRateLoop(context: Context): Loop {
  const rates = new OutputRates(context);
  const loop = startLoop('output rate', INTERVAL_MS, () => rates.pass(), context.logger);
  return {
    nudge: loop.nudge,
    async stop() {
      await loop.stop();
      await rates.release();
    },
  };
}

interface Printing {
  bytes: number;
  atMs: number;
  /** Bytes that may come at once. */
  credit: number;
  /** Of its CPU. */
  share: number;
}

export class OutputRates {
  readonly #context: Context;
  #printing = new Map<string, Printing>();
  #isFirst = true;

  constructor(context: Context) {
    this.#context = context;
  }

  async pass(): Promise<void> {
    if (this.#isFirst) await this.#restoreAll();
    this.#isFirst = false;
    const { logStore, clock, config } = this.#context;
    const now = clock.monotonicMs();
    const present = new Map<string, Printing>();
    for (const { resource, segment, bytes } of logStore.growing()) {
      const id = isId(resource, 'job') ? resource : segment;
      const before = this.#printing.get(id);
      if (!before) {
        present.set(id, { bytes, atMs: now, credit: BURST_SECONDS * config.maxLogRate - bytes, share: 1 });
        continue;
      }
      present.set(id, before);
      await this.#judge(id, before, bytes, now);
    }
    this.#printing = present;
  }

  /** Gives everybody back what they had. */
  async release(): Promise<void> {
    for (const [id, { share }] of this.#printing) if (share < 1) await this.#setShare(id, 1);
  }

  async #judge(id: string, printing: Printing, bytes: number, now: number): Promise<void> {
    const { maxLogRate } = this.#context.config;
    const seconds = Math.max(0.001, (now - printing.atMs) / 1000);
    // A segment that was cut is shorter.
    const grown = Math.max(0, bytes - printing.bytes);
    const rate = grown / seconds;
    printing.bytes = bytes;
    printing.atMs = now;
    const most = BURST_SECONDS * maxLogRate;
    printing.credit = Math.max(-most, Math.min(most, printing.credit + maxLogRate * seconds - grown));
    let share = printing.share;
    if (printing.credit < 0 && rate > maxLogRate) share *= Math.max(0.1, maxLogRate / rate);
    else if (rate < maxLogRate * EASY) share *= 2;
    share = Math.min(1, Math.max(LEAST_SHARE, share));
    if (share === printing.share) return;
    printing.share = share;
    await this.#setShare(id, share);
  }

  /** What a server that was killed left slowed. */
  async #restoreAll(): Promise<void> {
    const { executor, database } = this.#context;
    for (const { id, cpu_millis } of await activeJobs(database.read)) await executor.limitCpu(id, cpu_millis);
    const builds = (await executor.list()).filter((id) => isId(id, 'dep'));
    for (const id of builds) await executor.limitCpu(id, BUILD_LIMITS.cpuMillis);
  }

  async #setShare(id: string, share: number): Promise<void> {
    const { executor, database } = this.#context;
    const cpuMillis = isId(id, 'dep')
      ? BUILD_LIMITS.cpuMillis
      : (await findJobById(database.read, id))?.cpu_millis;
    if (cpuMillis !== undefined) await executor.limitCpu(id, cpuMillis * share);
  }
}
