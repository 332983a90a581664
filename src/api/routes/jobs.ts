/** Jobs: create, list, retrieve, cancel; and by id alone, with waiting. */
import type { Context } from '../../context.ts';
import { invalid } from '../../errors.ts';
import { cancelJob } from '../../jobs/cancel-job.ts';
import { createJob, type JobInput } from '../../jobs/create-job.ts';
import { presentJob } from '../../jobs/present-job.ts';
import { getJob, pageOfJobs, waitForJob } from '../../jobs/read-jobs.ts';
import { showJob, showJobs } from '../../jobs/show-jobs.ts';
import { phasesOf } from '../../lifecycle/job.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';
import { readInstant } from '../time.ts';

/** How long one request may wait for a job; a client that wants more asks again. */
const MAX_WAIT_SECONDS = 300;
const DEFAULT_WAIT_SECONDS = 30;

export function jobRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('post-job', async ({ params, body, caller }) =>
    presentJob(await createJob(context, caller.workspaceId, params.serviceId, body as JobInput)),
  );

  operations.add('list-job', async ({ params, query, caller }) => {
    const filter = {
      ...(query.status ? { phases: query.status.flatMap(phasesOf) } : {}),
      createdBefore: readInstant('createdBefore', query.createdBefore),
      createdAfter: readInstant('createdAfter', query.createdAfter),
      startedBefore: readInstant('startedBefore', query.startedBefore),
      startedAfter: readInstant('startedAfter', query.startedAfter),
      finishedBefore: readInstant('finishedBefore', query.finishedBefore),
      finishedAfter: readInstant('finishedAfter', query.finishedAfter),
    };
    const limit = pageLimit(query.limit);
    const after = decodeCursor(query.cursor);
    const jobs = await pageOfJobs(context, caller.workspaceId, params.serviceId, filter, limit, after);
    const shown = await showJobs(context, jobs);
    return jobs.map((job, index) => ({
      job: shown[index]!,
      cursor: encodeCursor({ createdAt: job.created_at, id: job.id }),
    }));
  });

  operations.add('retrieve-job', async ({ params, caller }) =>
    showJob(context, await getJob(context, caller.workspaceId, params.jobId, params.serviceId)),
  );

  operations.add('cancel-job', async ({ params, caller }) =>
    showJob(context, await cancelJob(context, caller.workspaceId, params.jobId, params.serviceId)),
  );

  operations.add('job-by-id', async ({ params, caller }) =>
    showJob(context, await getJob(context, caller.workspaceId, params.jobId)),
  );

  operations.add('wait-for-job', async ({ params, query, caller, request }) => {
    const seconds = query.timeoutSeconds ?? DEFAULT_WAIT_SECONDS;
    if (seconds < 0 || seconds > MAX_WAIT_SECONDS) {
      throw invalid(`query parameter timeoutSeconds must be from 0 to ${MAX_WAIT_SECONDS}, got ${seconds}`);
    }
    // A stopping server answers with the job as it is; the client asks the next one.
    const lease = operations.leaseFor(request);
    const ends = [AbortSignal.timeout(seconds * 1000), request.signal, operations.stopping, lease.signal];
    try {
      const job = await waitForJob(context, caller.workspaceId, params.jobId, AbortSignal.any(ends));
      lease.signal.throwIfAborted();
      return await showJob(context, job);
    } finally {
      lease.release();
    }
  });
}
