/** The server stops, the host stops, the power fails: what becomes of jobs. */
import assert from 'node:assert/strict';
import type { Job } from '../../../src/api/contract-types.ts';
import type { Scenario, World } from '../scenario.ts';

const RUNNING = 10;
const WAITING = 4;

/** Jobs that print numbered lines until they may end; the last exits with the highest code. */
async function startNumbers({ machine, errand }: World, count: number): Promise<string[]> {
  await machine.output('systemctl kill --signal USR2 witness');
  const ids: string[] = [];
  for (let code = 0; code < count; code += 1) ids.push(await errand.start(`bash numbers.sh ${code}`));
  await errand.running(ids);
  for (const id of ids) await errand.printed(id, /^line 3$/);
  return ids;
}

/** Every line is there once, in order, from the first on. */
function assertWhole(lines: string[], id: string): void {
  lines.forEach((line, index) => {
    assert.equal(line, `line ${index + 1}`, `output of ${id}`);
  });
}

/** Lets the jobs end, and looks at their codes and their output. */
async function assertWentOn(world: World, ids: string[]): Promise<void> {
  const { machine, errand } = world;
  await machine.output('systemctl kill --signal USR1 witness');
  const jobs = await errand.finished(ids, 300_000);
  assert.deepEqual(
    jobs.map(({ exitCode }) => exitCode),
    ids.map((_, code) => code),
  );
  for (const id of ids) {
    const lines = await errand.lines(id);
    assert.equal(lines.pop(), `${lines.length} lines`, `the last line of ${id}`);
    assertWhole(lines, id);
  }
  await assertStartedOnce(world, ids, ids);
}

/** Of these jobs no command began twice, and of those it began. */
async function assertStartedOnce(
  { machine }: Pick<World, 'machine'>,
  ids: string[],
  began: string[],
): Promise<void> {
  const starts = (await machine.output('cat /var/lib/witness/starts')).split('\n');
  const count = (id: string): number => starts.filter((one) => one === id).length;
  assert.deepEqual(
    ids.filter((id) => count(id) > 1),
    [],
    'started twice',
  );
  assert.deepEqual(
    began.filter((id) => count(id) === 0),
    [],
    'not started',
  );
}

/** The machine's jobs have no room beside those that run. */
async function assertPending({ errand }: World, ids: string[]): Promise<void> {
  for (const id of ids) assert.equal((await errand.job(id)).status, 'pending');
}

const reasonOf = (job: Job | undefined): Record<string, unknown> =>
  (job?.reason ?? {}) as Record<string, unknown>;

/** A stop of the server and its next start, each with the sentence's middle. */
const serverStops: [how: string, command: string][] = [
  ['kill -9 of the server', 'systemctl kill --signal KILL errand'],
  ['systemctl restart', 'systemctl restart errand'],
  ['systemctl stop and start', 'systemctl stop errand && sleep 3 && systemctl start errand'],
];

export const stops: Scenario[] = [
  {
    name: `${RUNNING} running jobs go on through kill -9, restart, and stop and start of the server, and lose no line`,
    async run(world) {
      const { machine, errand } = world;
      const ids = await startNumbers(world, RUNNING);
      for (const [how, command] of serverStops) {
        const before = await Promise.all(ids.map((id) => errand.lines(id)));
        await machine.output(command, 300_000);
        await errand.answers();
        const jobs = await Promise.all(ids.map((id) => errand.job(id)));
        assert.deepEqual(
          jobs.filter(({ status }) => status !== 'running'),
          [],
          `after ${how}`,
        );
        for (const [index, id] of ids.entries())
          await errand.printed(id, new RegExp(`^line ${before[index]!.length + 2}$`));
      }
      await assertWentOn(world, ids);
    },
  },
  {
    name: 'a clean reboot ends running jobs with a reason that names it, and starts what was waiting',
    async run(world) {
      const { machine, errand } = world;
      const running = await startNumbers(world, RUNNING);
      const waiting = await errand.startMany(WAITING, 'bash once.sh');
      await assertPending(world, waiting);
      const before = await Promise.all(running.map((id) => errand.lines(id)));
      await machine.reboot();
      await errand.answers();
      const [ended, later] = [await errand.finished(running), await errand.finished(waiting, 300_000)];
      for (const [index, job] of ended.entries()) {
        assert.equal(job.status, 'failed', JSON.stringify(job));
        assert.match(String(reasonOf(job)['hostStopped']), /host/, JSON.stringify(job));
        const lines = await errand.lines(job.id);
        assertWhole(lines, job.id);
        assert.ok(lines.length >= before[index]!.length, `${job.id} lost lines`);
      }
      assert.deepEqual(
        later.filter(({ status }) => status !== 'succeeded'),
        [],
      );
      await assertStartedOnce(world, [...running, ...waiting], [...running, ...waiting]);
    },
  },
  {
    name: 'after a loss of power running jobs are lost, their output up to the last second is there, and nothing runs twice',
    async run(world) {
      const { machine, errand } = world;
      const numbers = await startNumbers(world, RUNNING - 1);
      const clock = await errand.start('bash clock.sh');
      await errand.printed(clock, /^\d/);
      const waiting = await errand.startMany(WAITING, 'bash once.sh');
      await assertPending(world, waiting);
      // Time for more than one sync of what is printed.
      const cut = Number(await machine.output('sleep 5; echo "$EPOCHREALTIME"'));
      await machine.reset();
      await errand.answers();
      const [ended, later] = [
        await errand.finished([clock, ...numbers]),
        await errand.finished(waiting, 300_000),
      ];
      for (const job of ended) {
        assert.equal(job.status, 'failed', JSON.stringify(job));
        assert.ok('lost' in reasonOf(job), JSON.stringify(job));
      }
      assert.deepEqual(
        later.filter(({ status }) => status !== 'succeeded'),
        [],
      );
      for (const id of numbers) assertWhole(await errand.lines(id), id);
      const times = (await errand.lines(clock)).map(Number);
      const missing = cut - times.at(-1)!;
      // One second, and what a sync takes under emulation.
      assert.ok(missing < 3, `the last ${missing} s of output are gone`);
      times.forEach((time, index) => {
        assert.ok(index === 0 || time > times[index - 1]!, 'times in order, each once');
      });
      await assertStartedOnce(world, [clock, ...numbers, ...waiting], [clock, ...numbers, ...waiting]);
    },
  },
];
