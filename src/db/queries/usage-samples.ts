/** What running instances used, at instants. */
import { sql } from 'kysely';
import type { Queries } from '../open.ts';
import type { UsageSamplesTable } from '../schema.ts';
import { allOf, equals } from './conditions.ts';

export async function insertUsageSample(trx: Queries, sample: UsageSamplesTable): Promise<void> {
  await trx.insertInto('usage_samples').values(sample).execute();
}

export interface SampleFilter {
  serviceId?: string | undefined;
  jobId?: string | undefined;
  /** Both belong to the range. */
  startTime: string;
  endTime: string;
}

/** Samples of a workspace, by job and time. */
export async function selectUsageSamples(
  queries: Queries,
  workspaceId: string,
  filter: SampleFilter,
  limit: number,
): Promise<UsageSamplesTable[]> {
  return queries
    .selectFrom('usage_samples')
    .selectAll()
    .where(
      allOf(
        equals('usage_samples.workspace_id', workspaceId),
        filter.serviceId ? equals('usage_samples.service_id', filter.serviceId) : undefined,
        filter.jobId ? equals('usage_samples.job_id', filter.jobId) : undefined,
        sql`at >= ${filter.startTime}`,
        sql`at <= ${filter.endTime}`,
      ),
    )
    .orderBy('job_id')
    .orderBy('at')
    .limit(limit)
    .execute();
}

export async function deleteUsageSamplesBefore(trx: Queries, instant: string): Promise<void> {
  await trx.deleteFrom('usage_samples').where('at', '<', instant).execute();
}
