/** Second step of a build: the service's build command in an instance of its own. */
import type { Context } from '../context.ts';
import type { DeploysTable, ServicesTable } from '../db/schema.ts';
import { type InstanceState, StartFailedError } from '../executors/executor.ts';
import { resolveEnvironment, whyTooLarge } from '../services/environment.ts';
import { processEnvironment } from '../services/process-environment.ts';
import { parseMicros } from '../shared/clock.ts';
import { cacheFolder } from './artifact-path.ts';
import { DeployFailure } from './deploy-failure.ts';
import { type BuildSource, buildTree } from './fetch-source.ts';
import { removeSecretFiles } from './freeze-artifact.ts';

/** "Stop the server" leaves the instance alone; "cancel the build" ends it. */
export interface BuildSignals {
  serverStop: AbortSignal;
  cancel: AbortSignal;
  /** Ends the build at once, because of the room that it takes; its reason is an error that says so. */
  diskFull: AbortSignal;
}

const GB = 2 ** 30;
/** A build gets what the second largest common instance type has, whatever the service's own. */
export const LIMITS = { memoryBytes: 4 * GB, cpuMillis: 2000, pids: 4096 };
const TIMEOUT_MS = 2 * 60 * 60 * 1000;
/** Between SIGTERM and SIGKILL for a build that is canceled or takes too long. */
const STOP_GRACE_MS = 10_000;

/**
 * Runs the build command, or follows the one that an earlier server started. Afterwards nothing of the instance is
 * left. @throws DeployFailure when the command fails; the reason of a signal when that aborts
 */
export async function runBuildCommand(
  context: Context,
  deploy: DeploysTable,
  service: ServicesTable,
  source: BuildSource,
  signals: BuildSignals,
): Promise<void> {
  const { executor, config } = context;
  const environment = await resolveEnvironment(context, context.database.read, service);
  const present = await executor.inspect(deploy.id);
  // One that an earlier server started goes on writing: the log store must look after it again.
  if (hasStarted(present)) await context.logStore.segmentFile(service.id, deploy.id);
  const startedAt = hasStarted(present)
    ? present.startedAt
    : await start(context, deploy, service, source, environment);
  const end = await follow(context, deploy.id, startedAt, signals);
  const wasEnded = end.timedOut || signals.cancel.aborted || signals.diskFull.aborted;
  const stop = wasEnded ? undefined : await outsideStop(context, end);
  await context.logStore.sync(service.id, deploy.id).catch((error: unknown) => {
    context.logger.error('the output of a build could not be brought to the disk', error, {
      deploy: deploy.id,
    });
  });
  await executor.destroy(deploy.id);
  await removeSecretFiles(buildTree(config, deploy.id), environment.secretFiles);
  signals.cancel.throwIfAborted();
  signals.diskFull.throwIfAborted();
  if (stop) throw new DeployFailure('failBuild', `${stop.what} while the build command ran: deploy again`);
  requireSuccess(end);
}

/** A stop of the host or of all instances that ended the command, where nothing here did. */
async function outsideStop({ hostStops }: Context, end: End): ReturnType<Context['hostStops']['recorded']> {
  const work = { startedAt: end.startedAt, exit: end.state === 'exited' ? end.exit : undefined };
  return (await hostStops.recorded(work)) ?? hostStops.witnessed(work);
}

type Started = Extract<InstanceState, { startedAt: string }>;
type End = Extract<InstanceState, { state: 'exited' | 'lost' }> & { timedOut: boolean };

/** Whether a build command ran, or runs, under this state. */
export const hasStarted = (state: InstanceState): state is Started =>
  state.state === 'running' || state.state === 'exited' || state.state === 'lost';

async function start(
  context: Context,
  deploy: DeploysTable,
  service: ServicesTable,
  source: BuildSource,
  environment: Awaited<ReturnType<typeof resolveEnvironment>>,
): Promise<string> {
  const { executor, config, logStore } = context;
  const excess = whyTooLarge(environment.variables);
  if (excess) throw new DeployFailure('failBuild', excess);
  // What is left of an attempt whose command never ran.
  await executor.destroy(deploy.id);
  try {
    const { startedAt } = await executor.start({
      id: deploy.id,
      command: source.buildCommand,
      environment: processEnvironment(
        { service, instanceId: deploy.id, cpuMillis: LIMITS.cpuMillis, git: source, isBuild: true },
        environment.variables,
      ),
      secretFiles: environment.secretFiles,
      project: {
        kind: 'writable',
        tree: buildTree(config, deploy.id),
        cache: cacheFolder(config, service.id),
      },
      workingDirectory: source.rootDir,
      limits: LIMITS,
      logFile: await logStore.segmentFile(service.id, deploy.id),
    });
    return startedAt;
  } catch (error) {
    const after = await executor.inspect(deploy.id);
    if (!(error instanceof StartFailedError) && hasStarted(after)) return after.startedAt;
    context.logger.error('a build could not be started', error, { deploy: deploy.id });
    throw new DeployFailure('failBuild', `the build could not be started: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Waits for the end, which a cancel or the time limit may bring about: then it waits no longer than the grace, whatever
 * the instance does, and the caller destroys what is left.
 */
async function follow(
  { executor, clock }: Context,
  id: string,
  startedAt: string,
  { serverStop, cancel, diskFull }: BuildSignals,
): Promise<End> {
  let timedOut = false;
  let graceTimer: NodeJS.Timeout | undefined;
  const graceOver = new AbortController();
  const stop = (): void => {
    if (graceTimer) return;
    graceTimer = setTimeout(() => graceOver.abort(), STOP_GRACE_MS);
    // Where the signal cannot be sent, the end of the grace is what counts.
    void executor.signal(id, 'SIGTERM').catch(() => undefined);
  };
  // No grace: what it does in it is to take more.
  const kill = (): void => void executor.signal(id, 'SIGKILL').catch(() => stop());
  const leftMs = Math.max(0, parseMicros(startedAt) / 1000 + TIMEOUT_MS - clock.nowMs());
  const timeout = setTimeout(() => {
    timedOut = true;
    stop();
  }, leftMs);
  cancel.addEventListener('abort', stop, { once: true });
  if (cancel.aborted) stop();
  diskFull.addEventListener('abort', kill, { once: true });
  if (diskFull.aborted) kill();
  try {
    return { ...(await executor.wait(id, AbortSignal.any([serverStop, graceOver.signal]))), timedOut };
  } catch (error) {
    if (serverStop.aborted || !graceOver.signal.aborted) throw error;
    return { state: 'lost', startedAt, timedOut };
  } finally {
    clearTimeout(timeout);
    clearTimeout(graceTimer);
    cancel.removeEventListener('abort', stop);
    diskFull.removeEventListener('abort', kill);
  }
}

function requireSuccess(end: End): void {
  const failed = (why: string): DeployFailure => new DeployFailure('failBuild', why);
  if (end.timedOut) throw failed(`the build command did not end within ${TIMEOUT_MS / 3_600_000} hours`);
  if (end.state === 'lost') {
    throw failed('the build command was lost: its instance ended, or the host did, without a record of it');
  }
  const { exit } = end;
  if (exit.oomKilled)
    throw failed(`the build command ran out of its ${LIMITS.memoryBytes / GB} GB of memory`);
  if (exit.signal) throw failed(`the build command was ended by ${exit.signal}`);
  if (exit.exitCode !== 0) throw failed(`the build command ended with exit code ${exit.exitCode}`);
}
