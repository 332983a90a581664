/** First step of a build: the source code at the wanted commit, and the facts about it that later steps rely on. */

import { lstat, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { setDeployCommit } from '../db/queries/deploys.ts';
import type { DeploysTable, ServicesTable } from '../db/schema.ts';
import { ErrandError } from '../errors.ts';
import { placeOf, repositorySlug } from '../services/repository.ts';
import { requireAccess } from '../services/repository-access.ts';
import { openCredential } from '../services/repository-credential.ts';
import { detailsOf } from '../services/service-details.ts';
import { extraOf } from '../services/service-input.ts';
import { plainRootDir } from '../services/service-rules.ts';
import { rememberHostKeys } from '../services/set-repository-credential.ts';
import { nothingIfAbsent } from '../shared/absence.ts';
import { discardTree } from '../shared/trees.ts';
import { buildFolder } from './artifact-path.ts';
import type { BuildLog } from './build-log.ts';
import { DeployFailure } from './deploy-failure.ts';
import { FetchError } from './fetch/failure.ts';
import { CheckingProxy } from './fetch/proxy.ts';
import { type FetchedRepository, type FetchJob, fetchRepository } from './fetch/repository.ts';
import { fetchSubmodules } from './fetch/submodules.ts';

/** What a build is made from, frozen when it begins. */
export interface BuildSource {
  commit: string;
  branch?: string;
  repoSlug: string;
  rootDir: string;
  buildCommand: string;
}

/** The files of a build under way. */
export const buildTree = (config: Context['config'], deployId: string): string =>
  join(buildFolder(config, deployId), 'tree');

const sourceFile = (config: Context['config'], deployId: string): string =>
  join(buildFolder(config, deployId), 'source.json');

/** What an earlier server recorded of a build; undefined when it did not come so far. */
export async function recordedSource(
  config: Context['config'],
  deployId: string,
): Promise<BuildSource | undefined> {
  const text = await readFile(sourceFile(config, deployId), 'utf8').catch(nothingIfAbsent);
  return text === undefined ? undefined : JSON.parse(text);
}

/** Fetches the code anew, whatever was there. @throws DeployFailure with a message for people */
export async function fetchSource(
  context: Context,
  deploy: DeploysTable,
  service: ServicesTable,
  log: BuildLog,
  stop: AbortSignal,
): Promise<BuildSource> {
  const { config } = context;
  const folder = buildFolder(config, deploy.id);
  await discardTree(folder, config.dataDir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const url = service.repo;
  if (url === null) throw new DeployFailure('failBuild', `service ${service.id} has no repository`);
  await log.step(`Cloning from ${url}`);
  const { tree, commit, branch } = await fetchAll(context, deploy, service, url, log, stop);
  await log.step(`Checked out commit ${commit.id}${branch === undefined ? '' : ` of branch ${branch}`}`);
  const rootDir = plainRootDir(service.root_dir);
  await requireFolder(tree, rootDir);
  await context.database.write((trx) => setDeployCommit(trx, deploy.id, commit, context.clock.now()));
  const source: BuildSource = {
    commit: commit.id,
    ...(branch === undefined ? {} : { branch }),
    repoSlug: repositorySlug(url),
    rootDir,
    buildCommand: detailsOf(service).envSpecificDetails?.buildCommand ?? '',
  };
  await rename(tree, buildTree(config, deploy.id));
  await writeFile(sourceFile(config, deploy.id), JSON.stringify(source));
  return source;
}

/** The repository with its submodules, within the limits. @throws DeployFailure; the reason of `stop` */
async function fetchAll(
  context: Context,
  deploy: DeploysTable,
  service: ServicesTable,
  url: string,
  log: BuildLog,
  stop: AbortSignal,
): Promise<FetchedRepository> {
  const { config, executor, vault } = context;
  const { maxBytes, maxFiles, maxMs } = config.repositories;
  const extra = extraOf(service);
  const timeout = AbortSignal.timeout(maxMs);
  const proxy = await CheckingProxy.open(config.destinations.repositories);
  try {
    const job: FetchJob = {
      executor,
      config,
      log,
      id: deploy.id,
      folder: buildFolder(config, deploy.id),
      proxy,
      stop: AbortSignal.any([stop, timeout]),
      left: { bytes: maxBytes, files: maxFiles },
      home: placeOf(url),
      credential: openCredential(vault, service.id, extra),
      knownHosts: extra.repoKnownHosts,
    };
    const wanted = { url, branch: service.branch ?? undefined, commit: deploy.wanted_commit ?? undefined };
    // Rows of a server that allowed more.
    requireAccess(config, url);
    const fetched = await fetchRepository(job, wanted);
    if (fetched.hostKeys && !extra.repoKnownHosts) {
      await rememberHostKeys(context, service, fetched.hostKeys);
      job.knownHosts = fetched.hostKeys;
    }
    await fetchSubmodules(job, fetched, url);
    return fetched;
  } catch (error) {
    stop.throwIfAborted();
    if (timeout.aborted) {
      throw new DeployFailure(
        'failBuild',
        `the source code was not fetched within ${maxMs / 60_000} minutes (--max-repo-minutes)`,
      );
    }
    if (!(error instanceof FetchError || error instanceof ErrandError)) throw error;
    await log.error(error.message);
    throw new DeployFailure('failBuild', `the source code could not be fetched: ${theReason(error.message)}`);
  } finally {
    await proxy.close();
  }
}

/** A root folder must be one of the repository's own: no link leads out of it. */
async function requireFolder(tree: string, rootDir: string): Promise<void> {
  let path = tree;
  for (const part of rootDir.split('/').filter(Boolean)) {
    path = join(path, part);
    const found = await lstat(path).catch(nothingIfAbsent);
    if (!found?.isDirectory()) {
      throw new DeployFailure(
        'failBuild',
        `rootDir ${rootDir} is not a folder of the repository at this commit`,
      );
    }
  }
}

/** Of what git says: what went wrong comes first, and advice follows. */
function theReason(text: string): string {
  const lines = text.split('\n').filter(Boolean);
  return lines.find((line) => line.startsWith('fatal: ')) ?? lines.at(-1) ?? text;
}
