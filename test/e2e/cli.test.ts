import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job } from '../../src/api/contract-types.ts';
import { type Ended, startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
const SERVICE = 'web';

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({ 'hello.txt': 'from the build\n' }, { name: SERVICE });
});
afterAll(() => server.close());

const environment = (): Record<string, string> => ({
  ERRAND_HOST: server.running.url,
  ERRAND_API_KEY: ADMIN_KEY,
});
const start = (...args: string[]) => startErrand(args, environment());
const errand = (...args: string[]): Promise<Ended> => start(...args).ended;
const newestJob = async (): Promise<Job> => {
  const { stdout } = await errand('jobs', 'list', SERVICE, '--limit', '1', '--json');
  return (JSON.parse(stdout) as Job[])[0]!;
};

describe('errand run', () => {
  test('prints what the job wrote, each stream where it belongs, and exits with 0', async () => {
    const ended = await errand(
      'run',
      SERVICE,
      '--',
      'cat hello.txt; echo oops >&2; echo "$RENDER_SERVICE_ID"',
    );
    expect(ended).toMatchObject({ code: 0, stdout: `from the build\n${serviceId}\n`, stderr: 'oops\n' });
  });

  test('several words keep their borders', async () => {
    const ended = await errand('run', SERVICE, '--', 'printf', '%s|', 'a b', "it's", '$HOME', '');
    expect(ended).toMatchObject({ code: 0, stdout: "a b|it's|$HOME||\n" });
  });

  test("a failing command's code is its own", async () => {
    expect(await errand('run', SERVICE, '--', 'echo no >&2; exit 42')).toMatchObject({
      code: 42,
      stdout: '',
      stderr: 'no\n',
    });
  });

  test('a job that a signal ended gives 128 and the signal', async () => {
    const ended = await errand('run', SERVICE, '--', 'kill -TERM $$');
    expect(ended.code).toBe(143);
    expect(ended.stderr).toMatch(/job-[0-9a-v]{20}: the job was ended by SIGTERM/);
  });

  test('every line comes once and in order, however many there are', async () => {
    const ended = await errand('run', SERVICE, '--', 'seq 1 1234; sleep 0.3; seq 1235 2000');
    const wanted = Array.from({ length: 2000 }, (_, index) => `${index + 1}\n`).join('');
    expect(ended.stdout).toBe(wanted);
  });

  test('lines appear while the job runs', async () => {
    const running = start('run', SERVICE, '--', 'echo first; sleep 60');
    await eventually(() => running.output.stdout.includes('first\n'), { what: 'the first line' });
    expect((await newestJob()).status).toBe('running');
    running.process.kill('SIGINT');
    await running.ended;
  });

  test('Ctrl-C cancels the job, waits for its end and exits with 130', async () => {
    const running = start(
      'run',
      SERVICE,
      '--',
      'trap "echo cleaned up; exit 0" TERM; echo ready; sleep 60 & wait',
    );
    await eventually(() => running.output.stdout.includes('ready'), { what: 'the job to run' });
    running.process.kill('SIGINT');
    const ended = await running.ended;
    expect(ended).toMatchObject({ code: 130, stdout: 'ready\ncleaned up\n' });
    expect(ended.stderr).toMatch(/the job was canceled/);
    expect(await newestJob()).toMatchObject({ status: 'canceled' });
  });

  test('a second Ctrl-C leaves at once, while the job is still ending', async () => {
    const running = start('run', SERVICE, '--', 'trap "" TERM; echo ready; while :; do sleep 0.1; done');
    await eventually(() => running.output.stdout.includes('ready'), { what: 'the job to run' });
    running.process.kill('SIGINT');
    await eventually(() => running.output.stderr.includes('canceling'), {
      what: 'the first signal to be handled',
    });
    running.process.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130 });
    const job = await newestJob();
    expect(job.status).toBe('running');
    await server.running.context.executor.signal(job.id, 'SIGKILL');
  });

  test('--detach prints the id and leaves the job running', async () => {
    const ended = await errand('run', SERVICE, '--detach', '--', 'echo later');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(ended.stdout).toMatch(/^job-[0-9a-v]{20}\n$/);
    const logs = await errand('jobs', 'logs', ended.stdout.trim(), '--follow');
    expect(logs).toMatchObject({ code: 0, stdout: 'later\n' });
  });

  test('--json prints the final job on standard output and its lines on standard error', async () => {
    const ended = await errand('run', serviceId, '--json', '--plan', 'standard', '--', 'echo hi');
    expect(JSON.parse(ended.stdout)).toMatchObject({
      serviceId,
      status: 'succeeded',
      exitCode: 0,
      planId: 'plan-srv-008',
    });
    expect(ended.stderr).toBe('hi\n');
  });

  test('a job that runs out of time exits with 124 and says so', async () => {
    const ended = await errand('run', SERVICE, '--timeout', '1s', '--', 'sleep 60');
    expect(ended.code).toBe(124);
    expect(ended.stderr).toMatch(/ran longer than 1 s/);
  });

  test('a server that restarts in the middle costs no line and no exit code', async () => {
    const running = start('run', SERVICE, '--', 'echo before; sleep 2; echo after; exit 5');
    await eventually(() => running.output.stdout.includes('before'), { what: 'the first line' });
    const port = new URL(server.running.url).port;
    server.config.port = Number(port);
    await server.restart();
    expect(await running.ended).toMatchObject({ code: 5, stdout: 'before\nafter\n' });
  });
});

describe('errand jobs', () => {
  test('show tells the status, the times, the exit code and the cost', async () => {
    await errand('run', SERVICE, '--', 'exit 3');
    const { id } = await newestJob();
    const { code, stdout } = await errand('jobs', 'show', id);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^status +failed$/m);
    expect(stdout).toMatch(/^exit +3$/m);
    expect(stdout).toMatch(/^duration +[\d.]+ m?s$/m);
    expect(stdout).toMatch(/^cost +\$0\.00000[1-9]$/m);
    expect(JSON.parse((await errand('jobs', 'show', id, '--json')).stdout)).toMatchObject({
      id,
      exitCode: 3,
    });
  });

  test('list filters by status and shows the newest first', async () => {
    await errand('run', SERVICE, '--', 'exit 9');
    await errand('run', SERVICE, '--', 'true');
    const all = JSON.parse((await errand('jobs', 'list', SERVICE, '--json')).stdout) as Job[];
    expect(all[0]).toMatchObject({ startCommand: 'true', status: 'succeeded' });
    const failed = JSON.parse(
      (await errand('jobs', 'list', SERVICE, '--status', 'failed', '--output', 'json')).stdout,
    ) as Job[];
    expect(failed[0]).toMatchObject({ startCommand: 'exit 9' });
    expect(new Set(failed.map(({ status }) => status))).toEqual(new Set(['failed']));
    const text = (await errand('jobs', 'list', SERVICE, '--limit', '2')).stdout.split('\n');
    expect(text[0]).toMatch(/^ID +STATUS +EXIT +CREATED +DURATION +COMMAND$/);
    expect(text).toHaveLength(4);
  });

  test('logs prints the output of a finished job, as text or a JSON object per line', async () => {
    await errand('run', SERVICE, '--', 'echo one; echo two >&2');
    const { id } = await newestJob();
    expect(await errand('jobs', 'logs', id)).toMatchObject({ stdout: 'one\n', stderr: 'two\n' });
    const lines = (await errand('jobs', 'logs', id, '--json')).stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(['one', 'two']);
  });

  test('cancel ends a running job; canceling it again is refused and names its status', async () => {
    const id = (await errand('run', SERVICE, '-d', '--', 'sleep 60')).stdout.trim();
    expect((await errand('jobs', 'cancel', id)).code).toBe(0);
    await errand('jobs', 'logs', id, '--follow');
    const again = await errand('jobs', 'cancel', id);
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/canceled/);
  });
});

describe('what is refused', () => {
  test.each<[string, string[], RegExp]>([
    ['an unknown command', ['frobnicate'], /unknown command/],
    ['a missing command to run', ['run', SERVICE], /missing required argument/],
    ['an unknown option', ['jobs', 'list', SERVICE, '--stauts', 'x'], /unknown option/],
    [
      'an unknown status',
      ['jobs', 'list', SERVICE, '--status', 'done'],
      /--status must be of pending, running/,
    ],
    ['a time that is none', ['run', SERVICE, '--timeout', 'soon', '--', 'true'], /--timeout must be a time/],
    ['an id that is none', ['jobs', 'show', 'web'], /"web" is not the id of a job/],
    ['a service without a repository', ['services', 'create', '--name', 'x'], /needs --repo/],
    [
      'a cron job without a schedule',
      ['services', 'create', '--name', 'x', '--type', 'cron', '--repo', 'https://git.example/x'],
      /needs --schedule/,
    ],
    [
      'a variable without a value, which is not quoted back',
      ['services', 'create', '--name', 'x', '--repo', 'https://git.example/x', '--env', 'hunter2'],
      /^errand: --env must be KEY=VALUE$/m,
    ],
    ['a port that is none', ['serve', '--port', 'x'], /--port must be a whole number/],
  ])('%s exits with 2', async (_, args, message) => {
    const ended = await errand(...args);
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });

  test('an unknown service exits with 1 and names it', async () => {
    const ended = await errand('run', 'nothing', '--', 'true');
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/no service is named "nothing"/);
  });

  test("the server's refusal is shown with its message", async () => {
    const ended = await errand('run', SERVICE, '--plan', 'gigantic', '--', 'true');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/gigantic.*plan-srv-006/);
  });

  test('without a key, or with a wrong one, it says what to do', async () => {
    const none = await startErrand(['services', 'list'], { ERRAND_HOST: server.running.url }).ended;
    expect(none).toMatchObject({ code: 2 });
    expect(none.stderr).toMatch(/ERRAND_API_KEY/);
    const wrong = await startErrand(['services', 'list'], { ...environment(), ERRAND_API_KEY: 'wrong' })
      .ended;
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.stderr).toMatch(/unauthorized/);
  });

  test('the names that other tools use for host and key are understood', async () => {
    const ended = await startErrand(['services', 'list', '--name', SERVICE, '--json'], {
      RENDER_HOST: `${server.running.url}/v1/`,
      RENDER_API_KEY: ADMIN_KEY,
    }).ended;
    expect(ended.code).toBe(0);
    expect(JSON.parse(ended.stdout)).toMatchObject([{ id: serviceId, name: SERVICE }]);
  });
});
