/**
 * What the jobs of a service are created from: the service, its live artifact, and the stored snapshot of its
 * environment. Made at the first job after a change and kept while the database's epoch is the same, so that a burst of
 * jobs reads and seals the environment once.
 */
import { liveArtifact } from '../builds/live-artifact.ts';
import type { Context } from '../context.ts';
import { EpochCache } from '../db/epoch-cache.ts';
import type { Queries } from '../db/open.ts';
import { insertSnapshot } from '../db/queries/jobs.ts';
import type { ArtifactsTable, ServicesTable } from '../db/schema.ts';
import { invalid } from '../errors.ts';
import { resolveEnvironment, whyTooLarge } from '../services/environment.ts';
import { findService } from '../services/resolve-service.ts';
import { newId } from '../shared/ids.ts';
import { sealSnapshot } from './snapshot.ts';

export interface JobBase {
  service: ServicesTable;
  artifactId: string;
  snapshotId: string;
}

const bases = new EpochCache<JobBase>();

/**
 * Call it in the transaction that stores the job.
 * @throws `notFound` for the service; `invalidRequest` when it has no successful build, or a larger environment
 * than a program can be started with
 */
export async function jobBase(
  context: Context,
  trx: Queries,
  workspaceId: string,
  serviceId: string,
): Promise<JobBase> {
  const kept = bases.entries(context.database);
  const known = kept.get(serviceId);
  if (known && known.service.workspace_id === workspaceId) return known;
  const service = await findService(trx, workspaceId, serviceId);
  const artifact = await liveArtifact(trx, service);
  if (!artifact) {
    throw invalid(
      `service ${service.id} has no successful build yet: a job runs against the last successful build; deploy the service first`,
    );
  }
  const base = { service, artifactId: artifact.id, snapshotId: await store(context, trx, service, artifact) };
  kept.set(serviceId, base);
  return base;
}

async function store(
  context: Context,
  trx: Queries,
  service: ServicesTable,
  artifact: ArtifactsTable,
): Promise<string> {
  const { variables, secretFiles } = await resolveEnvironment(context, trx, service);
  const excess = whyTooLarge(variables);
  if (excess) throw invalid(excess);
  const id = newId('snp');
  const { id: serviceId, name, type, runtime } = service;
  const sealed = sealSnapshot(context.vault, id, {
    artifactId: artifact.id,
    workingDirectory: artifact.root_dir,
    service: { id: serviceId, name, type, runtime },
    git: JSON.parse(artifact.git),
    variables,
    secretFiles,
  });
  await insertSnapshot(trx, { id, service_id: serviceId, sealed, created_at: context.clock.now() });
  return id;
}
