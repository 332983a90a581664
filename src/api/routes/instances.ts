/** What clients manage of a service's instances. The instances that Errand has are those of running jobs. */
import type { Context } from '../../context.ts';
import { ErrandError } from '../../errors.ts';
import { runningInstances } from '../../jobs/read-jobs.ts';
import { findService } from '../../services/resolve-service.ts';
import {
  removeAutoscaling,
  restartService,
  scaleService,
  setAutoscaling,
} from '../../services/service-instances.ts';
import type { OperationRegistry } from '../operations.ts';

export function instanceRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-instances', async ({ params, caller }) => {
    const instances = await runningInstances(context, caller.workspaceId, params.serviceId);
    return instances.map(({ id, startedAt }) => ({ id, createdAt: startedAt }));
  });

  operations.add('restart-service', async ({ params, caller }) => {
    await restartService(context, caller, params.serviceId);
    return undefined;
  });

  operations.add('scale-service', async ({ params, body, caller }) => {
    await scaleService(context, caller.workspaceId, params.serviceId, body.numInstances);
    return undefined;
  });

  operations.add('autoscale-service', async ({ params, body, caller }) =>
    setAutoscaling(context, caller.workspaceId, params.serviceId, body),
  );

  operations.add('delete-autoscaling-config', async ({ params, caller }) => {
    await removeAutoscaling(context, caller.workspaceId, params.serviceId);
    return undefined;
  });

  operations.addRefused('create-ephemeral-shell', async (params, caller) => {
    await findService(context.database.read, caller.workspaceId, params.serviceId);
    throw new ErrandError(
      'notImplemented',
      'this server has no shells; run a one-off job: POST /v1/services/{serviceId}/jobs',
    );
  });
}
