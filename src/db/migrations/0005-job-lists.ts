/**
 * What pages of jobs by start and end are read from (`queries/job-pages.ts`, `queries/job-search.ts`): instants by
 * phase; jobs by the month, day, hour and minute of their start, newest first, those that never started under `n` and
 * their end; and runs by the smallest calendar unit that holds them whole.
 */
export const jobLists = `
DROP INDEX jobs_by_started;
DROP INDEX jobs_by_finished;
CREATE INDEX jobs_by_start ON jobs (service_id, phase, started_at);
CREATE INDEX jobs_by_end ON jobs (service_id, phase, finished_at);
${[7, 10, 13, 16]
  .map(
    (length) => `
CREATE INDEX jobs_by_start_${length} ON jobs
  (service_id, phase, (coalesce(substr(started_at, 1, ${length}), 'n' || substr(finished_at, 1, ${length}))), created_at, id)
  WHERE finished_at IS NOT NULL;`,
  )
  .join('')}
CREATE INDEX jobs_by_run ON jobs (service_id, phase, (CASE
  ${[16, 15, 13, 12, 10, 9, 7, 4]
    .map(
      (length) =>
        `WHEN substr(started_at, 1, ${length}) = substr(finished_at, 1, ${length}) THEN substr(started_at, 1, ${length})`,
    )
    .join('\n  ')}
  ELSE '' END), started_at, finished_at)
  WHERE started_at IS NOT NULL AND finished_at IS NOT NULL;
`;
