/** Named crash points: the server is made to die at each of them, again and again, and what is left is taken up by the next start. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CRASH_POINTS, type CrashPoint } from '../src/shared/crash-points.ts';
import { Jobs } from './jobs.ts';
import { Random } from './random.ts';
import { type ExecutorName, ServerProcess } from './server-process.ts';
import { ROOM, type RunResult } from './storm.ts';
import { Truth } from './truth.ts';
import { judgeRun } from './verdict.ts';
import type { Task } from './workload.ts';

export interface PointsOptions {
  /** How often each point is to be hit. */
  each: number;
  seed: number;
  executor: ExecutorName;
  progress?: (text: string) => void;
}

/** A point that is not reached within this time counts as not hit; it is tried again. */
const HIT_WITHIN_MS = 25_000;
const TRIES = 4;
/** One of the first passes kills: later ones find other jobs half-way. */
const MOST_PASSES = 4;
const PAUSE_BETWEEN_JOBS_MS = 60;

/** Hits every point; the verdict is over all the jobs of all of them. */
export async function crashAtEachPoint(options: PointsOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  const server = await ServerProcess.make(options.executor, ROOM);
  const truth = await Truth.listen(join(server.folder, 'truth.txt'));
  let good = false;
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: 1 });
    const drive = new Drive(server, new Jobs(server, truth, serviceId, random), random);
    const missed: string[] = [];
    let kills = 0;
    for (const point of CRASH_POINTS) {
      for (let round = 1; round <= options.each; round += 1) {
        if (await drive.hit(point)) kills += 1;
        else missed.push(`${point}, round ${round}`);
      }
      options.progress?.(`${point}: ${options.each} times`);
    }
    await server.start();
    await drive.settled();
    const { counts, violations } = await judgeRun(server, drive.jobs, truth);
    if (missed.length > 0) violations.set('point not reached', missed);
    good = violations.size === 0;
    return { counts: { ...counts, kills }, violations };
  } finally {
    await server.remove(!good);
    await truth.close();
  }
}

class Drive {
  readonly jobs: Jobs;
  readonly #server: ServerProcess;
  readonly #random: Random;
  readonly #submissions: Promise<unknown>[] = [];

  constructor(server: ServerProcess, jobs: Jobs, random: Random) {
    this.#server = server;
    this.jobs = jobs;
    this.#random = random;
  }

  /** Runs the server until it dies at `point`; it is down afterwards. @returns whether it did */
  async hit(point: CrashPoint): Promise<boolean> {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      if (point !== 'ticket-claimed') {
        if (await this.#dieAt(point, this.#random.between(1, MOST_PASSES))) return true;
        continue;
      }
      // Only recovery claims tickets: an instance that is made and not started has to be left to it.
      await this.#dieAt('instance-prepared', this.#random.between(2, MOST_PASSES));
      if (await this.#dieAt(point, 1)) return true;
    }
    return false;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#submissions);
  }

  async #dieAt(point: CrashPoint, passes: number): Promise<boolean> {
    this.#server.launch({ ERRAND_CRASH_AT: `${point}:${passes}` });
    const ended = this.#server.ended();
    const deadline = performance.now() + HIT_WITHIN_MS;
    while (this.#server.alive && performance.now() < deadline) {
      const submission = this.jobs.submit(point.startsWith('stop-') ? canceledSoon : undefined);
      this.#submissions.push(submission);
      await Promise.race([submission, ended]);
      await Promise.race([delay(PAUSE_BETWEEN_JOBS_MS), ended]);
    }
    const died = !this.#server.alive;
    await this.#server.kill();
    return died;
  }
}

/** Points of stopping are met by jobs that are stopped. */
function canceledSoon(task: Task): Task {
  if (task.kind === 'timesOut') return task;
  const endless = `exec 2>/dev/null; j=${task.number}; i=0; while :; do i=$((i+1)); echo "$j line $i"; sleep 0.05; done`;
  return { ...task, kind: 'canceled', lines: Number.POSITIVE_INFINITY, script: endless, cancelAfterMs: 200 };
}
