import type { Queries } from '../open.ts';
import { prepared } from '../prepared.ts';
import type { UsageRecordsTable } from '../schema.ts';

const insertion = prepared((queries, usage: UsageRecordsTable) =>
  queries.insertInto('usage_records').values(usage),
);

/** Stores what a job cost; there is one record of a job at most. */
export async function insertUsage(queries: Queries, usage: UsageRecordsTable): Promise<void> {
  await insertion.run(queries, usage);
}

export async function usageOfJob(queries: Queries, jobId: string): Promise<UsageRecordsTable | undefined> {
  return queries.selectFrom('usage_records').selectAll().where('job_id', '=', jobId).executeTakeFirst();
}
