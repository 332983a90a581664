/** What an instance may use, and how it is ended. A job of the smallest size has 512 MB, half a CPU, 512 processes. */
import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import type { Scenario, World } from '../scenario.ts';

/** Waits until no process of the machine has a command line like this. */
async function gone({ machine }: World, pattern: string): Promise<void> {
  await eventually(async () => (await machine.run(`pgrep -f ${pattern}`)).code === 1, {
    withinMs: 60_000,
    everyMs: 1000,
    what: `the end of all processes like ${pattern}`,
  });
}

/** Two children that do not care about SIGTERM, one of them in a session of its own. */
const children = (seconds: number): string =>
  `trap '' TERM; sleep ${seconds} & setsid sleep ${seconds} & echo started; wait; wait`;

export const limits: Scenario[] = [
  {
    name: 'a job sees its memory limit, and is ended for going beyond it',
    async run({ errand }) {
      const looking = await errand.ran('node -p "process.constrainedMemory()"');
      assert.deepEqual(await errand.lines(looking.id), [String(512 * 2 ** 20)]);
      const greedy = await errand.ran('head -c 800m /dev/zero | tail -c 800m | wc -c');
      assert.equal(greedy.status, 'failed', JSON.stringify(greedy));
      assert.ok(greedy.reason && 'oomKilled' in greedy.reason, JSON.stringify(greedy));
    },
  },
  {
    name: 'a job gets the CPU time of its size and no more',
    async run({ errand }) {
      const job = await errand.ran('bash busy.sh');
      const lines = await errand.lines(job.id);
      const passed = Number(lines[0]?.replace('passed ', '')) / 1e6;
      // `times` prints user and system time, such as 0m4.871s 0m0.012s; the first row is the shell's own.
      const times = [...(lines[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
      assert.equal(times.length, 2, lines.join('\n'));
      const used = times.reduce(
        (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
        0,
      );
      const share = used / passed;
      assert.ok(share < 0.6, `it had ${used} s of CPU time in ${passed} s`);
    },
  },
  {
    name: 'a job has no more processes than its size allows',
    async run({ errand }) {
      const job = await errand.ran('perl forks.pl');
      const [said] = await errand.lines(job.id);
      const count = Number(/^(\d+) processes$/.exec(said ?? '')?.[1]);
      assert.ok(count > 400 && count <= 512, `it printed "${said}"`);
    },
  },
  {
    name: 'a canceled job ends with all its children',
    async run(world) {
      const { errand } = world;
      const id = await errand.start(children(77_001));
      await errand.printed(id, /^started$/);
      await errand.cancel(id);
      const [job] = await errand.finished([id]);
      assert.equal(job!.status, 'canceled');
      await gone(world, '77001');
    },
  },
  {
    name: 'a job that runs out of time ends with all its children',
    async run(world) {
      const job = await world.errand.ran(children(77_002), 5);
      assert.equal(job.status, 'failed');
      assert.ok(job.reason && 'timedOutSeconds' in job.reason, JSON.stringify(job));
      await gone(world, '77002');
    },
  },
];
