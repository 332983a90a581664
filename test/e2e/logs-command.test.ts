import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Job, Log } from '../../src/api/contract-types.ts';
import { type Ended, startErrand } from '../support/command-line.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { GitRepository } from '../support/git-repository.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

const SCRIPT = join(import.meta.dirname, '../../script/errand');
const SERVICE = 'web';
let server: TestServer;
let serviceId: string;

beforeAll(async () => {
  server = await TestServer.start();
  serviceId = await server.seedService({ 'hello.txt': 'hello\n' }, { name: SERVICE });
});
afterAll(() => server.close());

const environment = (host = server.running.url): Record<string, string> => ({
  ERRAND_HOST: host,
  ERRAND_API_KEY: ADMIN_KEY,
});
const start = (...args: string[]) => startErrand(args, environment());
const errand = (...args: string[]): Promise<Ended> => start(...args).ended;
const detached = async (script: string): Promise<string> =>
  (await errand('run', SERVICE, '--detach', '--', script)).stdout.trim();
const finished = async (script: string): Promise<string> => {
  const id = await detached(script);
  await errand('jobs', 'logs', id, '--follow');
  return id;
};
const numbers = (count: number): string =>
  Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('');
const parsed = (stdout: string): Log[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Log);

describe('errand logs', () => {
  test('walks all pages of a finished job, each line once, oldest first', async () => {
    const id = await finished('seq 1 457');
    expect(await errand('logs', id)).toMatchObject({ code: 0, stdout: numbers(457), stderr: '' });
  });

  test('JSON is one object per line, of both streams, and nothing else', async () => {
    const id = await finished('echo one; sleep 0.01; echo two >&2');
    const { stdout, stderr } = await errand('logs', id, '--output', 'json');
    const lines = parsed(stdout);
    expect(lines.map(({ message }) => message)).toEqual(['one', 'two']);
    expect(lines[0]!.labels).toContainEqual({ name: 'resource', value: id });
    expect(stderr).toBe('');
  });

  test('--limit takes the newest, --text and --level what they name', async () => {
    const id = await finished('seq 1 250; echo level=error msg=bad');
    expect((await errand('logs', id, '--limit', '151')).stdout.split('\n').slice(0, 2)).toEqual([
      '101',
      '102',
    ]);
    expect((await errand('logs', id, '--text', '/^24[12]$/', '--text', 'bad')).stdout).toBe(
      '241\n242\nlevel=error msg=bad\n',
    );
    expect((await errand('logs', id, '--level', 'error')).stdout).toBe('level=error msg=bad\n');
  });

  test('--since and --until bound the range', async () => {
    const id = await finished('echo a; sleep 0.05; echo b; sleep 0.05; echo c');
    const [, middle] = parsed((await errand('logs', id, '--json')).stdout);
    expect((await errand('logs', id, '--since', middle!.timestamp)).stdout).toBe('b\nc\n');
    expect((await errand('logs', id, '--until', middle!.timestamp)).stdout).toBe('a\nb\n');
    expect((await errand('logs', id, '--since', '10m')).stdout).toBe('a\nb\nc\n');
    expect((await errand('logs', id, '--until', '10m')).stdout).toBe('');
  });

  test('several resources are merged by time, and each line names its own', async () => {
    const first = await finished('echo first');
    const second = await finished('echo second');
    const { stdout } = await errand('logs', second, first, SERVICE, second);
    expect(stdout).toBe(`${first} first\n${second} second\n`);
  });

  test.each<[string, () => string[], number, RegExp]>([
    ['no resource', () => ['logs'], 2, /missing required argument/],
    ['a time that is none', () => ['logs', SERVICE, '--since', 'soon'], 2, /--since must be a time.*"soon"/],
    ['a limit that is none', () => ['logs', SERVICE, '--limit', '0'], 2, /--limit must be a whole number/],
    ['an end while following', () => ['logs', SERVICE, '-f', '--until', '1m'], 2, /cannot be used with/],
    ['an unknown service', () => ['logs', 'nothing'], 1, /no service is named "nothing"/],
    ['an unknown job', () => ['logs', 'job-c3rfdgg6n88pa7t3a6ag'], 1, /not found: job-c3rfdgg6n88pa7t3a6ag/],
  ])('%s is refused', async (_, args, code, message) => {
    const ended = await errand(...args());
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(message);
  });
});

describe('errand logs --follow', () => {
  test('ends by itself when all jobs are over, those that were over before too', async () => {
    const over = await finished('echo old');
    const running = await detached('echo new; sleep 1; echo last');
    expect(await errand('logs', over, running, '--follow')).toMatchObject({
      code: 0,
      stdout: `${over} old\n${running} new\n${running} last\n`,
      stderr: '',
    });
  });

  test('a connection that is cut again and again costs no line and repeats none', async () => {
    const id = await detached('for i in $(seq 1 3000); do echo $i; done; sleep 0.5; seq 3001 4000');
    let size = 700;
    const proxy = await startCuttingProxy(server.running.url, () => {
      size = (size * 31 + 4177) % 90_000;
      return 6000 + size;
    });
    try {
      const ended = await startErrand(['logs', id, '--follow', '--json'], environment(proxy.url)).ended;
      expect(ended).toMatchObject({ code: 0, stderr: '' });
      expect(
        parsed(ended.stdout)
          .map(({ message }) => `${message}\n`)
          .join(''),
      ).toBe(numbers(4000));
      expect(proxy.cuts()).toBeGreaterThan(10);
    } finally {
      await proxy.close();
    }
  });

  test('a server that restarts is waited for', async () => {
    const id = await detached('echo before; sleep 2; echo after');
    const following = start('logs', id, '--follow');
    await eventually(() => following.output.stdout.includes('before'), { what: 'the first line' });
    server.config.port = Number(new URL(server.running.url).port);
    await server.restart();
    expect(await following.ended).toMatchObject({ code: 0, stdout: 'before\nafter\n', stderr: '' });
  });

  test('a service is followed until the reader leaves', async () => {
    const following = start('logs', serviceId, '--follow', '--text', 'x');
    const id = await finished('echo meanwhile');
    expect(id).toMatch(/^job-/);
    expect(following.process.exitCode).toBeNull();
    following.process.kill('SIGTERM');
    expect(await following.ended).toMatchObject({ stdout: '' });
  });
});

describe('a reader that leaves early', () => {
  const piped = async (line: string): Promise<string> => {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment(), ERRAND: SCRIPT };
    return (await promisify(execFile)('bash', ['-c', line], { env })).stdout;
  };

  const newestJob = async (): Promise<Job> =>
    JSON.parse((await errand('jobs', 'list', SERVICE, '--limit', '1', '--json')).stdout)[0];

  test.each([
    ['while the job prints', 'while :; do echo one; sleep 0.05; done', ''],
    ['while the job is silent', 'echo one; sleep 600', ''],
    [
      'while the job prints to the same reader as errors',
      'echo one; while :; do echo two >&2; sleep 0.05; done',
      '2>&1',
    ],
  ])('ends errand run at once, %s, and not the job', async (_name, command, redirection) => {
    const line = `"$ERRAND" run ${SERVICE} -- '${command}' ${redirection} | head -n 1; echo "\${PIPESTATUS[0]}"`;
    expect(await piped(line)).toBe('one\n141\n');
    const { id, status } = await newestJob();
    expect(status).toBe('running');
    await errand('jobs', 'cancel', id);
  });

  test('ends errand run with a word on what goes on, where errors have another reader', async () => {
    const line = `{ "$ERRAND" run ${SERVICE} -- 'echo one; sleep 600' | head -n 1 >/dev/null; } 2>&1`;
    const { id } = await piped(line).then(async (said) => {
      const job = await newestJob();
      expect(said).toContain(`nobody reads the output; ${job.id} goes on`);
      return job;
    });
    await errand('jobs', 'cancel', id);
  });

  test('ends errand deploy at once, and not the deploy', async () => {
    const repository = new GitRepository({ 'README.md': 'here' });
    const read = `| grep --max-count 1 building >/dev/null; echo "\${PIPESTATUS[0]}"`;
    const cancelTheBuild = async (): Promise<void> => {
      const [found] = (await server.call<{ service: { id: string } }[]>('GET', '/services?name=built')).body;
      const path = `/services/${found!.service.id}/deploys`;
      const { body } = await server.call<{ deploy: { id: string; status: string } }[]>('GET', path);
      expect(body[0]!.deploy.status).toBe('build_in_progress');
      await server.call('POST', `${path}/${body[0]!.deploy.id}/cancel`);
    };
    try {
      const create = `"$ERRAND" services create --name built --repo ${repository.path} --branch main --wait`;
      expect(await piped(`${create} --build-command 'echo building; sleep 600' ${read}`)).toBe('141\n');
      await cancelTheBuild();
      expect(await piped(`"$ERRAND" deploy built ${read}`)).toBe('141\n');
      await cancelTheBuild();
    } finally {
      repository.remove();
    }
  });

  test('ends no job whose exit code is waited for while it is read to the end', async () => {
    const line = `"$ERRAND" run ${SERVICE} -- 'seq 1 2000; exit 7' | tail -n 1; echo "\${PIPESTATUS[0]}"`;
    expect(await piped(line)).toBe('2000\n7\n');
  });

  test('errand logs has nothing more to do, and exits with 0', async () => {
    const id = await detached('while :; do echo again; sleep 0.05; done');
    expect(await piped(`"$ERRAND" logs ${id} --follow | head -n 1; echo "\${PIPESTATUS[0]}"`)).toBe(
      'again\n0\n',
    );
    await errand('jobs', 'cancel', id);
  });
});
