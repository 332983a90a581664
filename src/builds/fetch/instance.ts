/** Runs one of the scripts of `script.ts` in an instance, and reads what it left as what a stranger wrote. */
import { constants, lstatSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Executor } from '../../executors/executor.ts';
import { nothingIfAbsent } from '../../shared/absence.ts';
import type { Secret } from '../../shared/secret.ts';
import { DeployFailure } from '../deploy-failure.ts';

/** Deltas are put together in memory; a bomb of them ends here and not at the host's limit. */
const LIMITS = { memoryBytes: 2 * 2 ** 30, cpuMillis: 2000, pids: 512 };
const MAX_RESULT_BYTES = 16 * 2 ** 20;

/** What a script left in `result`: the text of a file, undefined where it left none. */
export type Result = (name: string) => Promise<string | undefined>;

/**
 * Runs a script to its end; afterwards nothing of the instance is left, whatever happened.
 * @param id of the deploy; the instance has it while the script runs
 * @param work the working directory, which becomes the instance's user's own
 * @throws DeployFailure when the instance cannot be made or was ended; the reason of `stop` when that aborts
 */
export async function runScript(
  executor: Executor,
  id: string,
  script: string,
  work: string,
  environment: Record<string, Secret>,
  stop: AbortSignal,
): Promise<Result> {
  stop.throwIfAborted();
  const folder = dirname(work);
  await mkdir(folder, { recursive: true });
  try {
    await executor.start({
      id,
      command: script,
      environment,
      secretFiles: [],
      project: { kind: 'writable', tree: work, cache: join(folder, 'fetch-cache') },
      workingDirectory: '',
      limits: LIMITS,
      needsNetwork: true,
      logFile: join(folder, 'fetch.log'),
    });
    const end = await executor.wait(id, stop);
    if (end.state === 'exited' && end.exit.oomKilled) {
      throw new DeployFailure(
        'failBuild',
        `the source code took more than the ${LIMITS.memoryBytes / 2 ** 30} GB of memory that fetching it may have`,
      );
    }
    // A script that git failed ends in order and says so in its result; anything else was done to it.
    if (end.state === 'lost' || end.exit.exitCode !== 0) {
      const how = end.state === 'lost' ? 'was lost' : `ended with exit code ${end.exit.exitCode}`;
      throw new DeployFailure('failBuild', `the instance that fetches the source code ${how}: deploy again`);
    }
    return (name) => readResult(work, name);
  } catch (error) {
    stop.throwIfAborted();
    if (error instanceof DeployFailure) throw error;
    throw new DeployFailure(
      'failBuild',
      `the instance that fetches the source code could not be run: ${(error as Error).message}`,
      { cause: error },
    );
  } finally {
    await executor.destroy(id);
  }
}

/** Nothing of the instance runs any more: what is looked at stays what it is. */
async function readResult(work: string, name: string): Promise<string | undefined> {
  const folder = join(work, 'result');
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(folder, name), flags).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ELOOP' ? undefined : nothingIfAbsent(error),
  );
  if (!file) return undefined;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return undefined;
    const buffer = Buffer.alloc(Math.min(stats.size, MAX_RESULT_BYTES));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
