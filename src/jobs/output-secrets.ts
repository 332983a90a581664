/** Hides in lines what a job or a build was given in confidence: values of variables and secret files. */
import type { Context } from '../context.ts';
import { findJobById, findSnapshot, snapshotIdsOf } from '../db/queries/jobs.ts';
import { extrasOfServices, findAnyService } from '../db/queries/services.ts';
import { createMasker, type Masker } from '../logs/mask.ts';
import { type Environment, resolveEnvironment } from '../services/environment.ts';
import type { LogResource } from '../services/log-resources.ts';
import { extraOf } from '../services/service-input.ts';
import type { Secret } from '../shared/secret.ts';
import { openSnapshot } from './snapshot.ts';

type Needed = Pick<Context, 'database' | 'vault'>;

/** More than one request can name resources, so that no request displaces its own. */
const MAX_KEPT_MASKERS = 512;

/**
 * What hides the secrets of a job's snapshot, or of a service as it is now.
 * @returns undefined when there is nothing to hide
 */
export async function maskerOf(
  context: Needed,
  of: { jobId: string } | { serviceId: string },
): Promise<Masker | undefined> {
  const { database } = context;
  if ('serviceId' in of) return maskerOfService(context, of.serviceId);
  const job = await findJobById(database.read, of.jobId);
  return job && maskerOfSnapshot(context, job.snapshot_id);
}

/** What the services say of hiding secrets; those that say nothing are left out. */
export async function maskSettings(
  context: Pick<Context, 'database'>,
  serviceIds: Iterable<string>,
): Promise<Map<string, boolean>> {
  const rows = await extrasOfServices(context.database.read, [...new Set(serviceIds)]);
  return new Map(
    rows.flatMap((row) => {
      const { maskSecrets } = extraOf(row);
      return maskSecrets === undefined ? [] : [[row.id, maskSecrets] as const];
    }),
  );
}

/** Maskers for those who read stored output. What was made for a snapshot is kept, since a snapshot never changes. */
export class OutputMasks {
  readonly #context: Needed;
  readonly #bySnapshot = new Map<string, Promise<Masker | undefined>>();

  constructor(context: Needed) {
    this.#context = context;
  }

  /** By resource; one that has nothing to hide, or whose service does not ask for it at this moment, is left out. */
  async forReading(resources: readonly LogResource[]): Promise<Map<string, Masker>> {
    const settings = await maskSettings(
      this.#context,
      resources.map((resource) => resource.serviceId),
    );
    const masked = resources.filter((resource) => settings.get(resource.serviceId) === true);
    const jobs = masked.flatMap((resource) => (resource.kind === 'job' ? [resource.id] : []));
    const maskers = new Map<string, Masker>();
    for (const { id, snapshot_id } of await snapshotIdsOf(this.#context.database.read, jobs)) {
      const masker = await this.#ofSnapshot(snapshot_id);
      if (masker) maskers.set(id, masker);
    }
    for (const { id } of masked.filter((resource) => resource.kind === 'service')) {
      const masker = await maskerOfService(this.#context, id);
      if (masker) maskers.set(id, masker);
    }
    return maskers;
  }

  #ofSnapshot(id: string): Promise<Masker | undefined> {
    const masker = this.#bySnapshot.get(id) ?? maskerOfSnapshot(this.#context, id);
    // Asked for last, forgotten last.
    this.#bySnapshot.delete(id);
    this.#bySnapshot.set(id, masker);
    if (this.#bySnapshot.size > MAX_KEPT_MASKERS)
      this.#bySnapshot.delete(this.#bySnapshot.keys().next().value!);
    masker.catch(() => this.#bySnapshot.delete(id));
    return masker;
  }
}

async function maskerOfSnapshot({ database, vault }: Needed, id: string): Promise<Masker | undefined> {
  const stored = await findSnapshot(database.read, id);
  // Showing lines as they are because of a missing row would be worse than not showing them.
  if (!stored) throw new Error(`the secrets to hide are not known: snapshot ${id} is not there`);
  return hiding(openSnapshot(vault, id, stored.sealed));
}

async function maskerOfService(context: Needed, id: string): Promise<Masker | undefined> {
  const service = await findAnyService(context.database.read, id);
  return service && hiding(await resolveEnvironment(context, context.database.read, service));
}

function hiding({
  variables,
  secretFiles,
}: Pick<Environment, 'variables' | 'secretFiles'>): Masker | undefined {
  const secrets: Secret[] = [...Object.values(variables), ...secretFiles.map((file) => file.content)];
  return createMasker(secrets.map((secret) => secret.reveal()));
}
