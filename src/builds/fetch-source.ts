/** First step of a build: the source code at the wanted commit, and the facts about it that later steps rely on. */

import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { setDeployCommit } from '../db/queries/deploys.ts';
import type { DeploysTable, ServicesTable } from '../db/schema.ts';
import { repositorySlug } from '../services/repository.ts';
import { detailsOf } from '../services/service-details.ts';
import { repositoryCredential } from '../services/service-input.ts';
import { plainRootDir } from '../services/service-rules.ts';
import { nothingIfAbsent } from '../shared/absence.ts';
import { discardTree } from '../shared/trees.ts';
import { buildFolder } from './artifact-path.ts';
import type { BuildLog } from './build-log.ts';
import { DeployFailure } from './deploy-failure.ts';
import { checkOut, GitError } from './git.ts';

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
  // A name of its own: a git that outlived an earlier server must not write into this checkout.
  const checkoutTree = join(folder, `checkout-${randomUUID()}`);
  const checkout = await checkOut(
    {
      url,
      credential: repositoryCredential(context.vault, service),
      branch: service.branch ?? undefined,
      commit: deploy.wanted_commit ?? undefined,
      allowLocal: config.allowLocalRepos,
      tree: checkoutTree,
      home: join(folder, 'git'),
    },
    stop,
  ).catch(async (error: unknown) => {
    if (!(error instanceof GitError)) throw error;
    stop.throwIfAborted();
    await log.error(error.message);
    throw new DeployFailure('failBuild', `the source code could not be fetched: ${theReason(error.message)}`);
  });
  const { commit, branch } = checkout;
  await log.step(`Checked out commit ${commit.id}${branch === undefined ? '' : ` of branch ${branch}`}`);
  const rootDir = plainRootDir(service.root_dir);
  await requireFolder(checkoutTree, rootDir);
  await context.database.write((trx) => setDeployCommit(trx, deploy.id, commit, context.clock.now()));
  const source: BuildSource = {
    commit: commit.id,
    ...(branch === undefined ? {} : { branch }),
    repoSlug: repositorySlug(url),
    rootDir,
    buildCommand: detailsOf(service).envSpecificDetails?.buildCommand ?? '',
  };
  await rename(checkoutTree, buildTree(config, deploy.id));
  await writeFile(sourceFile(config, deploy.id), JSON.stringify(source));
  return source;
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
