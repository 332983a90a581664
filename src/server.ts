/**
 * The composition root: config → database → executor → loops → API → listen. The only place that knows every concrete
 * class. Stopping undoes it in reverse and leaves all instances running.
 */
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { buildApp } from './api/app.ts';
import { startBuildLoop } from './background/builds.ts';
import { startCronRunLoop } from './background/cron-runs.ts';
import { startDiscardedTreesLoop } from './background/discarded-trees.ts';
import { startDiskWatchLoop } from './background/disk-watch.ts';
import { startDispatchLoop } from './background/dispatch.ts';
import { startFolderIdentityLoop } from './background/folder-identity.ts';
import { startHoldLoop } from './background/hold.ts';
import { startLogForwardingLoop } from './background/log-forwarding.ts';
import {
  startLogLimitsLoop,
  startLogMaintenanceLoop,
  startLogSyncLoop,
} from './background/log-maintenance.ts';
import { startOutputRateLoop } from './background/output-rate.ts';
import { adoptOrphans, startReconcileLoop, warnOfOtherEngines } from './background/reconcile.ts';
import { startUsageLoop } from './background/usage-samples.ts';
import { type Config, ConfigError } from './config.ts';
import type { Context } from './context.ts';
import { claimDataFolder } from './data-folder.ts';
import { DamagedDatabaseError, openDatabase } from './db/open.ts';
import { DOCTOR, refuseUnfitHost } from './doctor/examine.ts';
import type { Executor } from './executors/executor.ts';
import { HostStops, systemctlOfHost } from './executors/host-stop.ts';
import { LocalExecutorUnavailable, openLocalExecutor } from './executors/local/open.ts';
import { ProcessExecutor } from './executors/process/executor.ts';
import { bootId } from './executors/processes.ts';
import { FinishedJobs } from './jobs/finished-jobs.ts';
import { JobRunner } from './jobs/runner.ts';
import { FileLogStore } from './logs/file-store.ts';
import { carryOutDecision } from './safekeeping/decide.ts';
import { requireDatabaseOfUsedFolder } from './safekeeping/folder-identity.ts';
import { openFolder } from './safekeeping/hold.ts';
import { openVault } from './safekeeping/master-key.ts';
import { diskLimits } from './services/disk-limits.ts';
import { DiskReserve, roomOf } from './services/disk-reserve.ts';
import { ensureFirstWorkspace } from './services/first-start.ts';
import { withSafeHints } from './services/hints.ts';
import { nameRefusedAddresses } from './services/refused-addresses.ts';
import { type Clock, SystemClock } from './shared/clock.ts';
import { armCrashPoint } from './shared/crash-points.ts';
import { createLogger, type Logger } from './shared/logger.ts';
import type { Secret } from './shared/secret.ts';

export interface RunningServer {
  context: Context;
  app: FastifyInstance;
  /** Where it listens, such as http://127.0.0.1:8080. */
  url: string;
  /** The admin key, where this start made one. */
  firstKey?: Secret;
  /** Answers what is in flight, then stops; jobs go on. */
  stop(): Promise<void>;
}

/**
 * Starts a server in this process.
 * @param clock the system's, but in tests of time
 * @throws ConfigError for what the operator can mend; what was started until then is stopped again
 */
export async function startServer(
  config: Config,
  logger: Logger = createLogger(),
  clock: Clock = new SystemClock(),
): Promise<RunningServer> {
  const started: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (let last = started.pop(); last !== undefined; last = started.pop()) await last();
  };
  try {
    return { ...(await startParts(config, logger, clock, started)), stop };
  } catch (error) {
    await stop().catch((cause) => logger.error('what had been started could not be stopped', cause));
    throw error;
  }
}

type Stop = () => Promise<unknown>;

/** @param started gets, part by part, what undoes the start */
async function startParts(
  config: Config,
  logger: Logger,
  clock: Clock,
  started: Stop[],
): Promise<Omit<RunningServer, 'stop'>> {
  await refuseUnfitHost(config, logger);
  const folder = claimDataFolder(config.dataDir);
  started.push(async () => folder.release());
  if (config.crashAt) armCrashPoint(config.crashAt.point, config.crashAt.hits);
  requireDatabaseOfUsedFolder(config.dataDir);
  const database = await openDatabase(join(config.dataDir, 'errand.db')).catch(mendable);
  started.push(() => database.close());
  const vault = await openVault(config, database, logger);
  const hold = await openFolder(config.dataDir, database, logger);
  const executor = await openExecutor(config, logger);
  started.push(() => executor.close());
  const boot = bootId();
  const limits = diskLimits(config, roomOf(config.dataDir));
  const context: Context = withSafeHints({
    config,
    database,
    executor,
    logStore: new FileLogStore(join(config.dataDir, 'logs'), clock, { segmentBytes: limits.outputBytes }),
    vault,
    clock,
    logger,
    hold,
    diskReserve: new DiskReserve(config.dataDir, config.diskReserveBytes, clock),
    finishedJobs: new FinishedJobs(),
    held: () => runner.held,
    bootId: boot,
    hostStops: new HostStops({ dataDir: config.dataDir, bootId: boot, systemctl: systemctlOfHost() }),
    nudge: {
      dispatch: () => loops.dispatch.nudge(),
      build: () => loops.builds.nudge(),
      stop: (jobId) => runner.stopNow(jobId),
    },
  });
  started.push(() => context.logStore.close());
  await carryOutDecision(context);
  const discardedTrees = startDiscardedTreesLoop(context);
  // After all that discards.
  started.push(() => discardedTrees.stop());
  const runner = new JobRunner(context);
  started.push(() => runner.close());
  const loops = {
    dispatch: startDispatchLoop(context, runner),
    reconcile: startReconcileLoop(context, runner),
    builds: startBuildLoop(context),
    logs: startLogMaintenanceLoop(context),
    logLimits: startLogLimitsLoop(context),
    logSync: startLogSyncLoop(context),
    logForwarding: startLogForwardingLoop(context),
    cronRuns: startCronRunLoop(context),
    outputRate: startOutputRateLoop(context),
    usage: startUsageLoop(context),
    folderIdentity: startFolderIdentityLoop(context),
    hold: startHoldLoop(context, async () => {
      await adoptOrphans(context, runner);
      for (const loop of [loops.reconcile, loops.dispatch, loops.builds]) loop.nudge();
    }),
  };
  started.push(() => Promise.all(Object.values(loops).map((loop) => loop.stop())));
  const diskWatch = startDiskWatchLoop(context, limits, {
    job: (id, why) => runner.endForDisk(id, why),
    build: async (id, why) => loops.builds.endForDisk(id, why),
  });
  started.push(() => diskWatch.stop());
  // What runs already holds its part of the capacity: taken up before anything else is started.
  await adoptOrphans(context, runner);
  await warnOfOtherEngines(context);
  loops.reconcile.nudge();
  loops.dispatch.nudge();
  loops.builds.nudge();
  const app = await buildApp(context);
  started.push(() => app.close());
  const naming = new AbortController();
  started.push(async () => naming.abort());
  // Beside everything else: name servers take their time.
  void nameRefusedAddresses(context, naming.signal);
  const reusePort = await guardPort(config, executor, logger).catch(cannotListen(config));
  // The framework hands on what its own types do not name.
  const address = { host: config.host, port: config.port, reusePort };
  const url = await app.listen(address).catch(cannotListen(config));
  // Last: a key that is made is shown once, so nothing may fail in between.
  const { key } = await ensureFirstWorkspace(context);
  return { context, app, url, ...(key ? { firstKey: key } : {}) };
}

/** Runs a server until SIGTERM or SIGINT. */
export async function runServer(config: Config): Promise<void> {
  // Instances, which are another user's, must be able to read what is made for them; the data folder keeps others out.
  process.umask(0o022);
  // A log that lies on a full disk takes no line, which is no reason to end.
  for (const stream of [process.stderr, process.stdout]) stream.on('error', () => undefined);
  const logger = createLogger();
  const server = await startServer(config, logger);
  if (server.firstKey) {
    process.stdout.write(`Admin API key (shown this once): ${server.firstKey.reveal()}\n`);
  }
  process.stdout.write(`Errand listens on ${server.url}\n`);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
  const hostStops = await noteHostStop(server.context);
  logger.info(hostStops ? 'stopping with the host; jobs end with it' : 'stopping; running jobs go on');
  await server.stop();
}

/** Leaves word of the host's stop for the next start, which then knows what ended the jobs. @returns whether it stops */
async function noteHostStop({ hostStops, clock, logger }: Context): Promise<boolean> {
  const isStopping = await hostStops.isStopping();
  try {
    if (isStopping) hostStops.record(clock.now());
  } catch (error) {
    logger.error('the stop of the host could not be recorded', error);
  }
  return isStopping;
}

/** What the operator can mend is said with the way to do it. */
function mendable(error: unknown): never {
  if (error instanceof DamagedDatabaseError) throw new ConfigError(error.message, { cause: error });
  throw error;
}

/** @returns whether the port is kept from jobs, and is to be shared with what keeps it */
async function guardPort(config: Config, executor: Executor, logger: Logger): Promise<boolean> {
  // A port that is free by chance is another one after each start: nobody's clients wait there.
  if (!executor.guardPort || config.network === 'none' || config.port === 0) return false;
  try {
    await executor.guardPort(config.port);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw error;
    logger.warn('while no server runs, a job could listen at its port', { error: String(error) });
    return false;
  }
}

const cannotListen =
  ({ host, port }: Config) =>
  (cause: NodeJS.ErrnoException): never => {
    const why: Record<string, string> = {
      EADDRINUSE: `port ${port} of ${host} is in use: choose another --port, or 0 for any that is free`,
      EADDRNOTAVAIL: `${host} is no address of this machine: choose another --host`,
      EACCES: `port ${port} of ${host} may not be opened by this user: choose another --port`,
    };
    const message = why[cause.code ?? ''];
    throw message === undefined ? cause : new ConfigError(message, { cause });
  };

async function openExecutor(config: Config, logger: Logger): Promise<Executor> {
  if (config.executor === 'process') {
    logger.warn('the process executor gives NO isolation and NO limits: for development only');
    return new ProcessExecutor(config);
  }
  try {
    const executor = await openLocalExecutor(config);
    logger.info('local executor ready', { runtime: executor.runtime });
    return executor;
  } catch (error) {
    if (error instanceof LocalExecutorUnavailable) {
      throw new ConfigError(`${error.message}\n${DOCTOR}`, { cause: error });
    }
    throw error;
  }
}
