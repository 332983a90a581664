/**
 * Removes what no job can need any more. Which artifacts go is decided inside a write transaction and recorded there,
 * and a job takes its artifact inside one too, so the two never miss each other; files go after the commit.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import {
  artifactsInUse,
  deletedServicesWithArtifacts,
  markArtifactsRemoved,
  presentArtifactsAmong,
  presentArtifactsOf,
} from '../db/queries/artifacts.ts';
import { deploysInProgress, findDeployById } from '../db/queries/deploys.ts';
import { findAnyService, servicesAmong } from '../db/queries/services.ts';
import { nothingIfAbsent } from '../shared/absence.ts';
import { discardTree } from '../shared/trees.ts';
import { artifactFolder, cacheFolder } from './artifact-path.ts';
import { artifactIdOf } from './freeze-artifact.ts';

/** Artifacts of a service that stay, the newest first, whether used or not. */
const KEPT_PER_SERVICE = 5;
/** Ids asked for in one query. */
const CHUNK = 200;
/** A folder without a record is given this long, in case that its record is about to be written. */
const STRAY_AGE_MS = 60 * 60 * 1000;

type Parts = Pick<Context, 'config' | 'database' | 'clock'>;

/**
 * Removes a service's artifacts but the live one, those of jobs that are not over, and the newest few; of a deleted
 * service all but those of such jobs, and what its builds kept for each other. @returns the ids that went
 */
export async function removeOldArtifacts(context: Parts, serviceId: string): Promise<string[]> {
  const removed = await context.database.write(async (trx) => {
    const ids = await removable(trx, serviceId);
    await markArtifactsRemoved(trx, ids, context.clock.now());
    return ids;
  });
  for (const id of removed) await discardTree(artifactFolder(context.config, id), context.config.dataDir);
  const service = await findAnyService(context.database.read, serviceId);
  if (service && service.deleted_at !== null) {
    await discardTree(cacheFolder(context.config, serviceId), context.config.dataDir);
  }
  return removed;
}

async function removable(trx: Queries, serviceId: string): Promise<string[]> {
  const service = await findAnyService(trx, serviceId);
  const deleted = !service || service.deleted_at !== null;
  const artifacts = await presentArtifactsOf(trx, serviceId);
  const old = deleted ? artifacts : artifacts.slice(KEPT_PER_SERVICE);
  const inUse = await artifactsInUse(
    trx,
    old.map(({ id }) => id),
  );
  const live =
    deleted || service.live_deploy_id === null
      ? undefined
      : await findDeployById(trx, service.live_deploy_id);
  return old.map(({ id }) => id).filter((id) => !inUse.has(id) && id !== live?.artifact_id);
}

/**
 * Removes what crashes and deletions left behind: artifacts and caches of deleted services, folders of artifacts without a record,
 * folders of builds that are over. @returns how many folders went
 */
export async function sweepBuildFolders(context: Parts): Promise<number> {
  const { config, database } = context;
  for (const serviceId of await deletedServicesWithArtifacts(database.read)) {
    await removeOldArtifacts(context, serviceId);
  }
  const cachesRemoved = await sweepCaches(context);
  // Listed before asking: a folder that is listed has its record by then, or its deploy is being built.
  const artifacts = await entries(join(config.dataDir, 'artifacts'));
  const builds = await entries(join(config.dataDir, 'builds'));
  const building = new Set((await deploysInProgress(database.read)).map(({ id }) => id));
  const wanted = new Set([...building].map(artifactIdOf));
  for (let from = 0; from < artifacts.length; from += CHUNK) {
    for (const id of await presentArtifactsAmong(database.read, artifacts.slice(from, from + CHUNK)))
      wanted.add(id);
  }
  const strays = [
    ...artifacts.filter((id) => !wanted.has(id)).map((id) => artifactFolder(config, id)),
    ...builds.filter((id) => !building.has(id)).map((id) => join(config.dataDir, 'builds', id)),
  ];
  const old = [];
  for (const folder of strays) if (await isOld(folder)) old.push(folder);
  for (const folder of old) await discardTree(folder, config.dataDir);
  return old.length + cachesRemoved;
}

/** Removes what the builds of services that are gone kept for each other. */
async function sweepCaches({ config, database }: Parts): Promise<number> {
  const folders = await entries(join(config.dataDir, 'cache'));
  let count = 0;
  for (let from = 0; from < folders.length; from += CHUNK) {
    const chunk = folders.slice(from, from + CHUNK);
    const known = new Map(
      (await servicesAmong(database.read, chunk)).map(({ id, isDeleted }) => [id, isDeleted]),
    );
    for (const id of chunk) {
      const folder = cacheFolder(config, id);
      if (!(known.get(id) ?? (await isOld(folder)))) continue;
      await discardTree(folder, config.dataDir);
      count += 1;
    }
  }
  return count;
}

async function isOld(folder: string): Promise<boolean> {
  const found = await stat(folder).catch(nothingIfAbsent);
  return found !== undefined && Date.now() - found.mtimeMs > STRAY_AGE_MS;
}

async function entries(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}
