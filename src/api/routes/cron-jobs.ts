import type { Context } from '../../context.ts';
import { type CronRun, cancelCronRuns, startCronRun } from '../../jobs/cron-runs.ts';
import type { CronJobRun } from '../contract-types.ts';
import type { Caller, OperationRegistry } from '../operations.ts';

export function cronJobRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('run-cron-job', async ({ params, caller }) =>
    present(await startCronRun(context, caller.workspaceId, params.cronJobId, userOf(caller))),
  );

  operations.add('cancel-cron-job-run', async ({ params, caller }) => {
    await cancelCronRuns(context, caller.workspaceId, params.cronJobId, userOf(caller));
    return undefined;
  });
}

const userOf = (caller: Caller): string => caller.keyId.replace(/^key-/, 'usr-');

function present(run: CronRun): CronJobRun {
  return {
    id: run.id,
    status: run.status,
    ...(run.state === 'waiting' ? { statusReason: 'waits for the end of the run before' } : {}),
    ...(run.started_at === null ? {} : { startedAt: run.started_at }),
    ...(run.finished_at === null ? {} : { finishedAt: run.finished_at }),
    triggeredBy: run.triggered_by,
    ...(run.canceled_by === null ? {} : { canceledBy: run.canceled_by }),
  };
}
