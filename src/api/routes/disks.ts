import type { Context } from '../../context.ts';
import { addDisk, type Disk, deleteDisk, getDisk, listDisks, updateDisk } from '../../services/disks.ts';
import type { DiskDetails } from '../contract-types.ts';
import { excludesCaller, instantRange, readPage } from '../filters.ts';
import type { OperationRegistry } from '../operations.ts';
import { encodeCursor } from '../pagination.ts';

export function diskRoutes(operations: OperationRegistry, context: Context): void {
  operations.add('list-disks', async ({ query, caller }) => {
    if (excludesCaller(query.ownerId, caller)) return [];
    const filter = {
      ids: query.diskId,
      names: query.name,
      serviceIds: query.serviceId,
      created: instantRange(query, 'created'),
      updated: instantRange(query, 'updated'),
    };
    const disks = await listDisks(context, caller.workspaceId, filter, readPage(query));
    return disks.map((disk) => ({
      disk: present(disk),
      cursor: encodeCursor({ createdAt: disk.created_at, id: disk.id }),
    }));
  });

  operations.add('add-disk', async ({ body, caller }) =>
    present(await addDisk(context, caller.workspaceId, body)),
  );

  operations.add('retrieve-disk', async ({ params, caller }) =>
    present(await getDisk(context, caller.workspaceId, params.diskId)),
  );

  operations.add('update-disk', async ({ params, body, caller }) =>
    present(await updateDisk(context, caller.workspaceId, params.diskId, body)),
  );

  operations.add('delete-disk', async ({ params, caller }) => {
    await deleteDisk(context, caller.workspaceId, params.diskId);
    return undefined;
  });
}

function present(disk: Disk): DiskDetails {
  return {
    id: disk.id,
    name: disk.name,
    sizeGB: disk.size_gb,
    mountPath: disk.mount_path,
    serviceId: disk.service_id,
    createdAt: disk.created_at,
    updatedAt: disk.updated_at,
  };
}
