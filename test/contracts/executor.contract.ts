/** What every executor must hold, whatever engine is behind it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Executor, InstanceSpec } from '../../src/executors/executor.ts';
import { Secret } from '../../src/shared/secret.ts';
import { eventually } from '../support/eventually.ts';

/** @param open makes the executor for a data folder */
export function executorContract(name: string, open: (dataDir: string) => Promise<Executor>): void {
  describe(`the ${name} executor`, () => {
    const never = new AbortController().signal;
    let dataDir: string;
    let executor: Executor;
    let count = 0;

    beforeAll(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'errand-executor-'));
      mkdirSync(join(dataDir, 'tree'));
      writeFileSync(join(dataDir, 'tree', 'built.txt'), 'from the build\n');
      executor = await open(dataDir);
    });
    afterAll(async () => {
      for (const id of await executor.list()) await executor.destroy(id);
      await executor.close();
      rmSync(dataDir, { recursive: true, force: true });
    });

    function spec(command: string): InstanceSpec {
      count += 1;
      const id = `job-${String(count).padStart(20, '0')}`;
      return {
        id,
        command,
        environment: { GREETING: new Secret('hello') },
        secretFiles: [{ name: 'token', content: new Secret('a secret file') }],
        project: { kind: 'artifact', tree: join(dataDir, 'tree') },
        workingDirectory: '',
        limits: { memoryBytes: 256 * 2 ** 20, cpuMillis: 1000, pids: 128 },
        logFile: join(dataDir, `${id}.log`),
      };
    }
    const output = ({ logFile }: InstanceSpec): string[] =>
      readFileSync(logFile, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ').slice(1).join(' '));

    test('runs the command with its files and environment, and keeps output and exit code', async () => {
      const one = spec('cat built.txt; echo "$(cat token)"; echo $GREETING >&2; exit 7');
      const { startedAt } = await executor.start(one);
      const end = await executor.wait(one.id, never);
      expect(end).toMatchObject({ state: 'exited', startedAt, exit: { exitCode: 7, oomKilled: false } });
      expect(output(one).sort()).toEqual([
        'stderr F hello',
        'stdout F a secret file',
        'stdout F from the build',
      ]);
      await executor.destroy(one.id);
      expect(await executor.inspect(one.id)).toEqual({ state: 'absent' });
    });

    test('refuses a second start of the same id, and runs the command once', async () => {
      const one = spec('echo once');
      const starts = await Promise.allSettled([executor.start(one), executor.start(one)]);
      expect(starts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      await executor.wait(one.id, never);
      expect(output(one)).toEqual(['stdout F once']);
      await executor.destroy(one.id);
    });

    test('gives the ticket of a running instance to nobody else', async () => {
      const one = spec('sleep 300');
      await executor.start(one);
      expect(await executor.claim(one.id)).toBe(false);
      expect(await executor.inspect(one.id)).toMatchObject({ state: 'running' });
      await executor.signal(one.id, 'SIGTERM');
      expect(await executor.wait(one.id, never)).toMatchObject({
        state: 'exited',
        exit: { signal: 'SIGTERM' },
      });
      await executor.destroy(one.id);
    });

    test('kills what ignores SIGTERM, and leaves nothing of it', async () => {
      const one = spec('trap "" TERM; echo up; while :; do sleep 1; done');
      await executor.start(one);
      await eventually(() => readFileSync(one.logFile, 'utf8').includes('up'));
      await executor.signal(one.id, 'SIGTERM');
      expect(await executor.inspect(one.id)).toMatchObject({ state: 'running' });
      await executor.signal(one.id, 'SIGKILL');
      expect(await executor.wait(one.id, never)).toMatchObject({
        state: 'exited',
        exit: { signal: 'SIGKILL' },
      });
      await executor.destroy(one.id);
      expect(await executor.list()).not.toContain(one.id);
    });

    test('a stopping server gives up waiting and leaves the instance alone', async () => {
      const one = spec('sleep 300');
      await executor.start(one);
      const stop = new AbortController();
      const waiting = executor.wait(one.id, stop.signal);
      stop.abort(new Error('the server stops'));
      await expect(waiting).rejects.toThrow('the server stops');
      expect(await executor.inspect(one.id)).toMatchObject({ state: 'running' });
      await executor.destroy(one.id);
      expect(await executor.inspect(one.id)).toEqual({ state: 'absent' });
    });
  });
}
