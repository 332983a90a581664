/**
 * One build, start to end: source → build command → artifact → live. A server that starts anew calls it again for a
 * build under way: a command that runs, or ran, is followed to its end; anything before that is done again.
 */
import type { Context } from '../context.ts';
import { findAnyService } from '../db/queries/services.ts';
import type { ArtifactsTable, DeploysTable, ServicesTable } from '../db/schema.ts';
import { isNativeRuntime } from '../services/service-details.ts';
import { discardTree, removeTree } from '../shared/trees.ts';
import { artifactFolder, buildFolder, cacheFolder } from './artifact-path.ts';
import { type BuildLog, openBuildLog } from './build-log.ts';
import { DeployFailure } from './deploy-failure.ts';
import { type BuildSource, buildTree, fetchSource, recordedSource } from './fetch-source.ts';
import { failDeploy, goLive } from './finish-deploy.ts';
import { artifactIdOf, freezeArtifact } from './freeze-artifact.ts';
import { removeOldArtifacts } from './remove-old-artifacts.ts';
import { type BuildSignals, hasStarted, runBuildCommand } from './run-build-command.ts';

const MAKE_ROOM_MS = 5000;

/**
 * Builds a deploy whose status is `build_in_progress` and brings it to its end. When `serverStop` aborts, it returns
 * and leaves the build as it is, for the next server. It throws nothing on purpose but what storage refuses.
 */
export async function runBuild(context: Context, deploy: DeploysTable, signals: BuildSignals): Promise<void> {
  const log = openBuildLog(context, deploy);
  try {
    await build(context, deploy, log, signals);
  } catch (error) {
    if (signals.serverStop.aborted) return;
    await context.executor.destroy(deploy.id);
    if (!context.diskReserve.hasRoom()) await makeRoom(context, deploy.id);
    if (signals.cancel.aborted) await log.step('Build canceled');
    else await fail(context, deploy, log, error);
  }
  await discardTree(buildFolder(context.config, deploy.id), context.config.dataDir);
  await log.complete();
  await removeOldArtifacts(context, deploy.service_id);
}

async function build(
  context: Context,
  deploy: DeploysTable,
  log: BuildLog,
  signals: BuildSignals,
): Promise<void> {
  const service = await findAnyService(context.database.read, deploy.service_id);
  if (!service) throw new DeployFailure('failBuild', `service ${deploy.service_id} is not there any more`);
  requireNativeRuntime(context, service);
  if (deploy.clear_cache === 1) await clearCache(context, deploy, log);
  const source = await sourceOf(context, deploy, service, log, signals);
  if (source.buildCommand.trim() !== '') {
    await log.step(`Running build command '${source.buildCommand}'`);
    await runBuildCommand(context, deploy, service, source, signals);
  } else {
    // A job may write to the files of its service, whoever made them.
    await context.executor.giveTree(buildTree(context.config, deploy.id));
  }
  await log.step('Freezing the build');
  signals.cancel.throwIfAborted();
  const artifact = await freeze(context, deploy, source);
  if (await goLive(context, deploy, artifact)) {
    await log.step('Build succeeded; new jobs run against it');
  } else {
    await discardTree(artifactFolder(context.config, artifact.id), context.config.dataDir);
    await log.step('Build canceled');
  }
}

/** What a build wrote that failed is of no use any more, and its end needs room. As far as that goes in some seconds. */
async function makeRoom({ config }: Context, deployId: string): Promise<void> {
  await removeTree(buildFolder(config, deployId), AbortSignal.timeout(MAKE_ROOM_MS)).catch(() => undefined);
}

/** What runtimes with an image need is another executor; the service is kept as it is all the same. */
function requireNativeRuntime({ executor }: Context, { runtime }: ServicesTable): void {
  if (isNativeRuntime(runtime)) return;
  throw new DeployFailure(
    'failUpdate',
    `runtime "${runtime}" needs the docker executor; this server runs the ${executor.name} executor`,
  );
}

async function clearCache({ config, executor }: Context, deploy: DeploysTable, log: BuildLog): Promise<void> {
  // A build that an earlier server started is using it.
  if (hasStarted(await executor.inspect(deploy.id))) return;
  await discardTree(cacheFolder(config, deploy.service_id), config.dataDir);
  await log.step('Cleared the build cache');
}

async function sourceOf(
  context: Context,
  deploy: DeploysTable,
  service: ServicesTable,
  log: BuildLog,
  { serverStop, cancel, diskFull }: BuildSignals,
): Promise<BuildSource> {
  if (hasStarted(await context.executor.inspect(deploy.id))) {
    const recorded = await recordedSource(context.config, deploy.id);
    if (recorded) return recorded;
  }
  await context.executor.destroy(deploy.id);
  return fetchSource(context, deploy, service, log, AbortSignal.any([serverStop, cancel, diskFull]));
}

async function freeze(context: Context, deploy: DeploysTable, source: BuildSource): Promise<ArtifactsTable> {
  const { config, clock } = context;
  const id = artifactIdOf(deploy.id);
  const createdAt = clock.now();
  const facts = { id, serviceId: deploy.service_id, deployId: deploy.id, commit: source.commit, createdAt };
  const { bytes } = await freezeArtifact(config, buildTree(config, deploy.id), facts);
  const { commit, branch, repoSlug } = source;
  return {
    id,
    service_id: deploy.service_id,
    workspace_id: deploy.workspace_id,
    deploy_id: deploy.id,
    kind: 'tree',
    location: `artifacts/${id}`,
    root_dir: source.rootDir,
    git: JSON.stringify({ commit, branch, repoSlug }),
    size_bytes: bytes,
    created_at: createdAt,
    removed_at: null,
  };
}

async function fail(context: Context, deploy: DeploysTable, log: BuildLog, error: unknown): Promise<void> {
  const known = error instanceof DeployFailure;
  if (!known) context.logger.error('a build failed for a reason of the server', error, { deploy: deploy.id });
  const failure = known ? error.message : 'the server could not run the build; its log has the details';
  await log.step(`Build failed: ${failure}`);
  await failDeploy(context, deploy.id, known ? error.event : 'failBuild', failure);
}
