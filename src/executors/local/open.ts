/** Opens the local executor: finds, by trying, how instances can be made on this host. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { giveTree } from './bundle.ts';
import { LocalExecutor, type LocalExecutorOptions, TRIAL_PREFIX, USER } from './executor.ts';
import { openJobsPlace } from './jobs-place.ts';
import { findPrograms, PROGRAMS } from './programs.ts';
import { isHybrid, type RuntimeChoice } from './runtime.ts';

/** The local executor cannot work on this host; the message says why. */
export class LocalExecutorUnavailable extends Error {}

/** Finds a pair of supervisor and runtime that works here, by trying it once. @throws LocalExecutorUnavailable */
export async function openLocalExecutor(options: LocalExecutorOptions): Promise<LocalExecutor> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw unavailable('it needs Linux and root');
  }
  if (/[:\n]/.test(options.dataDir)) {
    // It ends the name of a log at the first colon, and would write output to another place without a word.
    const path = JSON.stringify(options.dataDir);
    throw unavailable(`conmon cannot write below ${path}: the path must have no colon and no line break`);
  }
  const [supervisor] = findPrograms('supervisor');
  const [init] = findPrograms('init');
  const runtimes = findPrograms('runtime');
  if (!supervisor || !init || runtimes.length === 0) {
    const kinds = Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[];
    const missing = kinds.filter((kind) => findPrograms(kind).length === 0);
    throw unavailable(`not found: ${missing.map((kind) => PROGRAMS[kind].join(' or ')).join(', ')}`);
  }
  const failures: string[] = [];
  for (const choice of candidates(runtimes)) {
    let executor: LocalExecutor | undefined;
    try {
      const place = await openJobsPlace(options.dataDir);
      executor = new LocalExecutor({
        ...options,
        conmon: supervisor.path,
        init: init.path,
        choice,
        place,
      });
      await tryOnce(executor, options.dataDir);
      await executor.open();
      return executor;
    } catch (error) {
      failures.push(`${choice.name}: ${messageOf(error)}`);
      await executor?.close().catch((cause: unknown) => failures.push(messageOf(cause)));
    }
  }
  throw new LocalExecutorUnavailable(`cannot start instances: ${[...new Set(failures)].join('; ')}`);
}

const unavailable = (why: string): LocalExecutorUnavailable =>
  new LocalExecutorUnavailable(`the local executor cannot run: ${why}`);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Ways to run, best first. */
function candidates(runtimes: { name: 'crun' | 'runc'; path: string }[]): RuntimeChoice[] {
  return runtimes.flatMap(({ name, path }): RuntimeChoice[] => {
    if (name === 'runc')
      return [{ name, path, joinsCgroup: false, userNamespace: false, hidesUnified: false }];
    return [true, false].flatMap((userNamespace) => {
      const plain: RuntimeChoice = { name, path, joinsCgroup: true, userNamespace, hidesUnified: false };
      return isHybrid() ? [{ ...plain, hidesUnified: true }, plain] : [plain];
    });
  });
}

/** A whole small life: what fails here would fail for every job. */
async function tryOnce(executor: LocalExecutor, dataDir: string): Promise<void> {
  const id = `${TRIAL_PREFIX}${randomBytes(8).toString('hex')}`;
  const folder = join(dataDir, 'try', id);
  mkdirSync(join(folder, 'tree', 'folder'), { recursive: true });
  await giveTree(join(folder, 'tree'), USER);
  const abort = AbortSignal.timeout(60_000);
  try {
    await executor.start({
      id,
      // Removing a folder of the artifact is what half-working overlays fail at.
      command: 'rmdir folder && exit 7',
      environment: {},
      secretFiles: [],
      project: { kind: 'artifact', tree: join(folder, 'tree') },
      workingDirectory: '',
      limits: { memoryBytes: 64 * 2 ** 20, cpuMillis: 1000, pids: 64 },
      logFile: join(folder, 'log'),
    });
    const end = await executor.wait(id, abort);
    if (end.state !== 'exited' || end.exit.exitCode !== 7) {
      throw new Error(`a trial instance ended as ${JSON.stringify(end)} instead of exit code 7`);
    }
  } finally {
    await executor.destroy(id);
    await rm(folder, { recursive: true, force: true });
  }
}
