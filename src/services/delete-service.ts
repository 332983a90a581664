import type { Context } from '../context.ts';
import { deleteBelongingsOf } from '../db/queries/belongings.ts';
import { activeDeploysOf, transitionDeploy } from '../db/queries/deploys.ts';
import { deleteEnvVarsOf } from '../db/queries/env-vars.ts';
import { deleteSecretFilesOf } from '../db/queries/secret-files.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import { forgetCredential } from './repository-credential.ts';
import { findService } from './resolve-service.ts';
import { extraOf } from './service-input.ts';

/**
 * Deletes a service: its deploys that are under way are canceled, its values and files are erased. Running jobs go on
 * with what they froze; jobs, deploys and events stay readable by their ids. @throws `notFound`
 */
export async function deleteService(context: Context, workspaceId: string, serviceId: string): Promise<void> {
  await context.database.write(async (trx) => {
    const extra = extraOf(await findService(trx, workspaceId, serviceId));
    forgetCredential(extra);
    const at = context.clock.now();
    for (const deploy of await activeDeploysOf(trx, serviceId)) {
      // Refused means that it ended just now: nothing is left to cancel.
      await transitionDeploy(trx, deploy.id, 'cancel', { at });
    }
    await deleteEnvVarsOf(trx, serviceId);
    await deleteSecretFilesOf(trx, serviceId);
    await deleteBelongingsOf(trx, serviceId);
    await updateServiceRow(trx, serviceId, { extra: JSON.stringify(extra), deleted_at: at, updated_at: at });
  });
  context.nudge.build();
}
