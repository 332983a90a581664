/** What every executor must hold, whatever engine is behind it. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Executor, InstanceSpec } from '../../src/executors/executor.ts';
import { Secret } from '../../src/shared/secret.ts';
import { eventually } from '../support/eventually.ts';

/**
 * @param open makes the executor for a data folder
 * @param hasLimits whether instances are limited
 * @param renamesFolders whether its kind of file system can rename a folder of the build without copying it
 */
export function executorContract(
  name: string,
  open: (dataDir: string) => Promise<Executor>,
  { renamesFolders = true, hasLimits = true } = {},
): void {
  describe(`the ${name} executor`, () => {
    const never = new AbortController().signal;
    let dataDir: string;
    let executor: Executor;
    let count = 0;

    beforeAll(async () => {
      dataDir = mkdtempSync(join(tmpdir(), 'errand-executor-'));
      mkdirSync(join(dataDir, 'tree'));
      writeFileSync(join(dataDir, 'tree', 'built.txt'), 'from the build\n');
      mkdirSync(join(dataDir, 'tree', 'folder'));
      writeFileSync(join(dataDir, 'tree', 'folder', 'in-it.txt'), 'in a folder\n');
      executor = await open(dataDir);
      await executor.giveTree(join(dataDir, 'tree'));
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

    /** Runs a command to its end. @returns its lines, less time and stream */
    async function run(command: string, variables: Record<string, string> = {}): Promise<string[]> {
      const environment = Object.fromEntries(
        Object.entries(variables).map(([key, value]) => [key, new Secret(value)]),
      );
      const one = { ...spec(command), environment };
      await executor.start(one);
      await executor.wait(one.id, never);
      await executor.destroy(one.id);
      return output(one).map((line) => line.split(' ').slice(2).join(' '));
    }

    test('gives a program every variable, also one whose name no shell can set', async () => {
      const variables = { 'spring.datasource.url': "jdbc:'$(x)' #", 'a-b': '1', 'LD.so_-': '', plain: 'p' };
      const shown = await run('env | grep -E "^(spring|a-b|LD|plain)" | sort', variables);
      expect(shown).toEqual(['LD.so_-=', 'a-b=1', 'plain=p', "spring.datasource.url=jdbc:'$(x)' #"]);
    });

    test('adds its own folders to a PATH that names the one it would be without', async () => {
      const [without] = await run('echo "$PATH"');
      const value = ['/first', '$PATH', '/last', '$'.concat('{PATH}'), '$PATHS'].join(':');
      expect(await run('echo "$PATH"; type -P ls >&2', { PATH: value })).toEqual(
        expect.arrayContaining([`/first:${without}:/last:${without}:$PATHS`, expect.stringMatching(/\/ls$/)]),
      );
    });

    test('takes a command whose lines end as on other systems', async () => {
      const command = 'for word in a b\ndo\n  echo "$word"\ndone\ncat <<END\nc\nEND\ncat built.txt\n';
      expect(await run(command.replaceAll('\n', '\r\n'))).toEqual(['a', 'b', 'c', 'from the build']);
      expect(await run('cat built.txt\r')).toEqual(['from the build']);
      const padding = `: ${'x'.repeat(100)}\r\n`.repeat(1200);
      expect(await run(`${padding}echo long\r\n`)).toEqual(['long']);
    });

    test('starts a command with as many variables as are accepted', async () => {
      const count = 1500;
      const variables = Object.fromEntries(
        Array.from({ length: count }, (_, index) => [`VARIABLE_${1000 + index}`, 'x'.repeat(1024)]),
      );
      expect(await run('env | grep -c ^VARIABLE_', variables)).toEqual([String(count)]);
    });

    if (hasLimits) {
      test('shows the limit of memory where runtimes of languages look for it', async () => {
        const files = '/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes';
        expect(await run(`cat ${files} 2>/dev/null`)).toEqual([String(256 * 2 ** 20)]);
      });
    }

    test(`${renamesFolders ? 'renames a folder' : 'lets a program know that it has to copy a folder'} of the build`, async () => {
      const rename = `perl -MErrno=EXDEV -e 'print rename("folder", "renamed") ? "renamed\\n" : $! == EXDEV ? "copy\\n" : $!'`;
      expect(await run(`${rename}; mv folder other 2>/dev/null; cat */in-it.txt`)).toEqual([
        renamesFolders ? 'renamed' : 'copy',
        'in a folder',
      ]);
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
      await eventually(() => existsSync(one.logFile) && readFileSync(one.logFile, 'utf8').includes('up'));
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
