/** Instances that are made ahead of their jobs: whose they become, what they know by then, and what ends them. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Executor, InstanceSpec } from '../../src/executors/executor.ts';
import { runtimeFolder } from '../../src/executors/local/executor.ts';
import { openLocalExecutor } from '../../src/executors/local/open.ts';
import { findByArgument, signalProcess } from '../../src/executors/processes.ts';
import { newId } from '../../src/shared/ids.ts';
import { Secret } from '../../src/shared/secret.ts';
import { eventually } from '../support/eventually.ts';
import { madeAhead } from '../support/made-ahead.ts';

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
  await executor.wait(one.id, AbortSignal.timeout(15_000));
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
    const bundles = join(runtimeFolder(folder), 'bundles');
    const waiting = readdirSync(join(folder, 'standby'));
    expect(waiting.length).toBeGreaterThan(0);
    await brief.close();
    expect(waiting.flatMap((name) => findByArgument(join(bundles, name)))).toEqual([]);
    expect(readdirSync(join(folder, 'standby'))).toEqual([]);
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
  writeFileSync(join(folder, 'done'), '');
  rmSync(folder, { recursive: true, force: true });
});
