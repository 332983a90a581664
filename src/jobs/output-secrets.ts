/** Hides in lines what a job or a build was given in confidence: values of variables and secret files. */
import type { Context } from '../context.ts';
import { findJobById, findSnapshot } from '../db/queries/jobs.ts';
import { findAnyService } from '../db/queries/services.ts';
import { createMasker, type Masker } from '../logs/mask.ts';
import { resolveEnvironment } from '../services/environment.ts';
import type { Secret } from '../shared/secret.ts';
import { openSnapshot } from './snapshot.ts';

/**
 * What hides the secrets of a job's snapshot, or of a service as it is now.
 * @returns undefined when there is nothing to hide, or the service does not want it hidden
 */
export async function maskerOf(
  context: Pick<Context, 'database' | 'vault'>,
  of: { jobId: string } | { serviceId: string },
): Promise<Masker | undefined> {
  const { database, vault } = context;
  const job = 'jobId' in of ? await findJobById(database.read, of.jobId) : undefined;
  const serviceId = 'serviceId' in of ? of.serviceId : job?.service_id;
  const service = serviceId ? await findAnyService(database.read, serviceId) : undefined;
  if (!service) return undefined;
  const stored = job && (await findSnapshot(database.read, job.snapshot_id));
  const { variables, secretFiles } = stored
    ? openSnapshot(vault, stored.id, stored.sealed)
    : await resolveEnvironment(context, database.read, service);
  const secrets: Secret[] = [...Object.values(variables), ...secretFiles.map((file) => file.content)];
  return createMasker(secrets.map((secret) => secret.reveal()));
}
