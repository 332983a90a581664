/** Random kills: jobs are created and canceled over HTTP while the server is killed at random instants and started at once. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Jobs } from './jobs.ts';
import { Random } from './random.ts';
import { type ExecutorName, ServerProcess } from './server-process.ts';
import { Truth } from './truth.ts';
import { type Counts, judgeRun, type Violations } from './verdict.ts';

export interface StormOptions {
  jobs: number;
  kills: number;
  seed: number;
  executor: ExecutorName;
  /** Told now and then how far it is. */
  progress?: (text: string) => void;
}

export interface RunResult {
  counts: Counts & { kills: number };
  violations: Violations;
}

/** Room for many small jobs at once: it is starts and ends that are to be hit by kills. */
export const ROOM = ['--max-memory', '64GB', '--max-cpu', '64', '--max-jobs', '24'];
const CREATORS = 3;
/** Of the kills, how many come while the server is still starting. */
const KILLED_WHILE_STARTING = 0.2;
const LONGEST_START_MS = 700;
const LONGEST_LIFE_MS = 1200;

/** Runs the storm and looks at what is left of it. */
export async function storm(options: StormOptions): Promise<RunResult> {
  const random = new Random(options.seed);
  const server = await ServerProcess.make(options.executor, ROOM);
  const truth = await Truth.listen(join(server.folder, 'truth.txt'));
  let good = false;
  try {
    const serviceId = await server.seed({ maxShutdownDelaySeconds: 1 });
    const jobs = new Jobs(server, truth, serviceId, random);
    let kills = 0;
    await server.start();
    await Promise.all([
      createAll(jobs, options, () => kills),
      killOften(server, random, options, () => {
        kills += 1;
        if (kills % 20 === 0) options.progress?.(`${kills} kills, ${jobs.submitted.length} jobs`);
      }),
    ]);
    const { counts, violations } = await judgeRun(server, jobs, truth);
    good = violations.size === 0;
    return { counts: { ...counts, kills }, violations };
  } finally {
    await server.remove(!good);
    await truth.close();
  }
}

/** Spreads the creations over the kills. */
async function createAll(jobs: Jobs, options: StormOptions, kills: () => number): Promise<void> {
  const create = async (): Promise<void> => {
    while (jobs.submitted.length < options.jobs) {
      const due = Math.ceil((options.jobs * (kills() + 1)) / (options.kills + 1));
      if (jobs.submitted.length < due) await jobs.submit();
      else await delay(10);
    }
  };
  await Promise.all(Array.from({ length: CREATORS }, create));
}

async function killOften(
  server: ServerProcess,
  random: Random,
  { kills }: StormOptions,
  killed: () => void,
): Promise<void> {
  for (let done = 0; done < kills; done += 1) {
    if (random.chance(KILLED_WHILE_STARTING)) {
      await delay(random.between(0, LONGEST_START_MS));
    } else {
      if (!(await server.ready())) throw new Error(`the server ended by itself: ${server.logFile}`);
      await delay(random.between(0, LONGEST_LIFE_MS));
    }
    await server.kill();
    killed();
    server.launch();
  }
  if (!(await server.ready())) throw new Error(`the server ended by itself: ${server.logFile}`);
}
