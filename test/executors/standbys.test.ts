/** Instances that are made ahead of their jobs: whose they become, what they know by then, and what ends them. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Executor, InstanceSpec } from '../../src/executors/executor.ts';
import { readPid } from '../../src/executors/instance-folder.ts';
import { runtimeFolder } from '../../src/executors/local/executor.ts';
import { openLocalExecutor } from '../../src/executors/local/open.ts';
import { argumentsOf, findByArgument, signalProcess } from '../../src/executors/processes.ts';
import { newId } from '../../src/shared/ids.ts';
import { Secret } from '../../src/shared/secret.ts';
import { eventually } from '../support/eventually.ts';
import { madeAhead } from '../support/made-ahead.ts';
import { patient } from '../support/patience.ts';

const KEEPER = join(import.meta.dirname, '..', 'fixtures', 'programs', 'keeps-instances-ready.ts');
let dataDir: string;
let executor: Executor;

function folderWithTree(): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-standbys-'));
  mkdirSync(join(folder, 'tree'));
  return folder;
}

beforeAll(async () => {
  dataDir = folderWithTree();
  executor = await openLocalExecutor({ dataDir, network: 'host' });
});
afterAll(async () => {
  for (const id of await executor.list()) await executor.destroy(id);
  await executor.close();
  rmSync(dataDir, { recursive: true, force: true });
});

interface Choice {
  variables?: Record<string, string>;
  secretFile?: string;
  memoryBytes?: number;
}

function spec(
  command: string,
  { variables = {}, secretFile = 'one', memoryBytes = 2 ** 28 }: Choice = {},
): InstanceSpec {
  const id = newId('job');
  const environment = { GREETING: 'hello', ERRAND_JOB_ID: id, ...variables };
  return {
    id,
    command,
    environment: Object.fromEntries(
      Object.entries(environment).map(([key, value]) => [key, new Secret(value)]),
    ),
    secretFiles: [{ name: 'token', content: new Secret(secretFile) }],
    project: { kind: 'artifact', tree: join(dataDir, 'tree') },
    workingDirectory: '',
    limits: { memoryBytes, cpuMillis: 1000, pids: 128 },
    logFile: join(dataDir, `${id}.log`),
  };
}

/** Runs a job to its end. @returns what it printed, and the supervisor that it had */
async function run(one: InstanceSpec): Promise<{ output: string; supervisor: string }> {
  await executor.start(one);
  await executor.wait(one.id, AbortSignal.timeout(patient(15_000)));
  const supervisor = readFileSync(join(dataDir, 'instances', one.id, 'supervisor', 'name'), 'utf8');
  await executor.destroy(one.id);
  const lines = readFileSync(one.logFile, 'utf8').trimEnd().split('\n');
  return { output: lines.map((line) => line.split(' ').slice(3).join(' ')).join('\n'), supervisor };
}

/** Runs a job, and waits until instances for the next of its kind are made. */
async function prepare(choice: Choice = {}): Promise<string[]> {
  await run(spec('true', choice));
  return eventually(() => madeAhead(dataDir).length >= 2 && madeAhead(dataDir), {
    what: 'instances that are made ahead',
  });
}

test('the next job of the same snapshot gets an instance that was made ahead, with its own command and id', async () => {
  const made = await prepare();
  const one = spec('echo "$GREETING $ERRAND_JOB_ID $(cat /etc/secrets/token)"');
  const { output, supervisor } = await run(one);
  expect(made).toContain(supervisor);
  expect(output).toBe(`hello ${one.id} one`);
});

test.each<[string, Choice]>([
  ['another variable', { variables: { GREETING: 'bye' } }],
  ['one variable more', { variables: { MORE: '1' } }],
  ['another secret file', { secretFile: 'two' }],
  ['another limit', { memoryBytes: 2 ** 27 }],
])('a job with %s gets none that was made before', async (_what, choice) => {
  const made = await prepare();
  const { output, supervisor } = await run(spec('echo "$GREETING $MORE $(cat /etc/secrets/token)"', choice));
  expect(made).not.toContain(supervisor);
  expect(output).toBe(
    `${choice.variables?.['GREETING'] ?? 'hello'} ${choice.variables?.['MORE'] ?? ''} ${choice.secretFile ?? 'one'}`,
  );
});

test('a variable of the service that has the name of one of ours is kept', async () => {
  await prepare({ variables: { ERRAND_JOB_ID: 'mine' } });
  const { output } = await run(spec('echo "$ERRAND_JOB_ID"', { variables: { ERRAND_JOB_ID: 'mine' } }));
  expect(output).toBe('mine');
});

test('a command arrives letter for letter, whatever is in it', async () => {
  await prepare();
  const letters = Array.from({ length: 0x800 - 0x20 }, (_, index) => String.fromCodePoint(0x20 + index))
    .filter((letter) => !/[\p{C}]/u.test(letter))
    .join('');
  const text = `'"\\$\`!#%\t€😀 ${letters}`;
  const quoted = `'${text.replaceAll("'", "'\\''")}'`;
  const { output } = await run(spec(`printf '%s' ${quoted} |\nod -An -v -tx1 | tr -d ' \\n'; echo`));
  // The supervisor splits long lines.
  expect(Buffer.from(output.replaceAll('\n', ''), 'hex').toString('utf8') === text).toBe(true);
});

test('what waits has no variable of the service yet, which might make it load code of the service', async () => {
  const before = madeAhead(dataDir);
  await run(spec('true', { variables: { LD_PRELOAD: '/missing.so' } }));
  const fresh = (): string[] => madeAhead(dataDir).filter((name) => !before.includes(name));
  for (const name of await eventually(() => fresh().length >= 2 && fresh())) {
    const pid = readPid(join(runtimeFolder(dataDir), 'bundles', name, 'pid'))!;
    await eventually(() => argumentsOf(pid)?.[0] === '/bin/sh', { what: 'the first process' });
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('LD_PRELOAD');
  }
  // Every program that gets it says that it found no such library.
  const { output } = await run(spec('true', { variables: { LD_PRELOAD: '/missing.so' } }));
  expect(output).toContain('/missing.so');
});

test('variables arrive letter for letter, whatever they mean to the shell of the first process', async () => {
  const variables = {
    BASH_ENV: '/missing',
    ENV: '/missing',
    IFS: 'go',
    LANG: 'C',
    PS4: '$(exit 3)',
    __errand: 'stop',
    name: '',
    word: `'"\\$\`!\n $(exit 3) €\t\n`,
  };
  const choice = { variables: { ...variables, OPTIND: 'no number', UID: '5' } };
  await prepare(choice);
  const { output } = await run(spec("od -An -v -tx1 /proc/1/environ | tr -d ' \\n'; echo", choice));
  const found = Buffer.from(output.replaceAll('\n', ''), 'hex').toString('utf8').split('\0');
  expect(found).toEqual(
    expect.arrayContaining(Object.entries(variables).map(([key, value]) => `${key}=${value}`)),
  );
});

test('what waits is no instance of any job, and knows no more than its own snapshot', async () => {
  const made = await prepare();
  expect(await executor.list()).toEqual([]);
  const { output } = await run(
    spec('ls /run/errand; ps -e -o args 2>/dev/null | grep -c "[r]ead -r __errand"'),
  );
  expect(output).toBe('orders\n0');
  expect(made.length).toBeGreaterThan(0);
});

test('one that died while it waited is not taken', async () => {
  const before = madeAhead(dataDir);
  const choice = { variables: { ONLY: 'here' } };
  await run(spec('true', choice));
  const fresh = (): string[] => madeAhead(dataDir).filter((name) => !before.includes(name));
  const [first] = await eventually(() => fresh().length >= 2 && fresh());
  const bundle = join(runtimeFolder(dataDir), 'bundles', first!);
  for (const pid of findByArgument(bundle)) signalProcess(pid, 'SIGKILL');
  await eventually(() => findByArgument(bundle).length === 0);
  const { supervisor } = await run(spec('true', choice));
  expect(supervisor).not.toBe(first);
});

test('a start that fails half-way keeps neither a supervisor nor its pipe', async () => {
  await prepare();
  const pipes = (): number => readdirSync(join(runtimeFolder(dataDir), 'words')).length;
  const before = pipes();
  for (let count = 0; count < before + 1; count += 1) {
    const one = { ...spec('true'), logFile: join(dataDir, 'missing', 'log') };
    await expect(executor.start(one)).rejects.toThrow(/./);
    await eventually(() => madeAhead(dataDir).length >= 2);
  }
  expect(pipes()).toBe(before);
});

test('when the server is killed, what waits ends without a command, and the next one removes it', async () => {
  const folder = folderWithTree();
  const keeper = spawn(process.execPath, [KEEPER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await Promise.race([
    new Promise<string[]>((resolve) =>
      createInterface({ input: keeper.stdout }).once('line', (text) => resolve([text])),
    ),
    new Promise<never>((_resolve, reject) =>
      keeper.once('exit', (code) => reject(new Error(`exit ${code}`))),
    ),
  ]);
  const { bundles } = JSON.parse(line!) as { bundles: string[] };
  keeper.kill('SIGKILL');
  const paths = bundles.map((name) => join(runtimeFolder(folder), 'bundles', name));
  await eventually(() => paths.every((path) => findByArgument(path).length === 0), {
    what: 'the end of what waited',
  });
  for (const name of bundles) {
    expect(existsSync(join(folder, 'standby', name, 'ticket', 'ticket'))).toBe(false);
  }
  const next = await openLocalExecutor({ dataDir: folder, network: 'host' });
  expect(readdirSync(join(folder, 'standby')).filter((name) => bundles.includes(name))).toEqual([]);
  expect(readdirSync(join(folder, 'exits'))).toEqual([]);
  await next.close();
  rmSync(folder, { recursive: true, force: true });
});

test('a server that ends while it makes its first ones ready leaves nothing', async () => {
  const folder = folderWithTree();
  for (let round = 0; round < 5; round += 1) {
    const brief = await openLocalExecutor({ dataDir: folder, network: 'host' });
    const inMemory = runtimeFolder(folder);
    const waiting = readdirSync(join(folder, 'standby'));
    expect(waiting.length).toBeGreaterThan(0);
    await brief.close();
    expect(waiting.flatMap((name) => findByArgument(join(inMemory, 'bundles', name)))).toEqual([]);
    expect(readdirSync(join(folder, 'standby'))).toEqual([]);
    expect(readdirSync(join(folder, 'exits'))).toEqual([]);
    expect(existsSync(inMemory)).toBe(false);
  }
  rmSync(folder, { recursive: true, force: true });
});

test('a word that nobody heard is not heard by the next', async () => {
  const { Words } = await import('../../src/executors/local/words.ts');
  const folder = mkdtempSync(join(tmpdir(), 'errand-words-'));
  const words = new Words(join(folder, 'words'));
  const first = words.take();
  first.say('make');
  first.release();
  const second = words.take();
  expect(second.path).toBe(first.path);
  second.say('go');
  const heard = spawn('head', ['-n', '1', second.path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const text = await new Promise<string>((resolve) =>
    heard.stdout.once('data', (bytes) => resolve(String(bytes))),
  );
  expect(text).toBe('go\n');
  words.close();
  // The launcher of a server that was killed may have starts to make still.
  const next = new Words(join(folder, 'words'));
  expect(next.take().path).not.toBe(first.path);
  next.close();
  rmSync(folder, { recursive: true, force: true });
});
