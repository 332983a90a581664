/**
 * Disks: recorded beside their service because clients manage them there. Errand mounts none, least of all into a job.
 * The service's details repeat the disk, so both change in one transaction.
 */
import { posix } from 'node:path';
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import type { Page } from '../db/queries/conditions.ts';
import {
  type DiskFilter,
  deleteDiskRow,
  findDisk,
  findDiskOfService,
  insertDisk,
  selectDisks,
  updateDiskRow,
} from '../db/queries/disks.ts';
import { insertEvent } from '../db/queries/events.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import type { DisksTable, ServicesTable } from '../db/schema.ts';
import { ErrandError, invalid, notFound, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { findService } from './resolve-service.ts';
import { detailsOf } from './service-details.ts';
import { checkName, checkWholeNumber } from './service-rules.ts';

export type Disk = DisksTable;

interface DiskFields {
  name: string;
  sizeGB: number;
  mountPath: string;
}

/** @throws `notFound`, `invalidRequest`, `conflict` when the service has a disk */
export async function addDisk(
  context: Context,
  workspaceId: string,
  input: DiskFields & { serviceId: string },
): Promise<Disk> {
  checkFields(input);
  return context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, input.serviceId);
    if (service.type === 'cron_job') throw invalid(`${service.id} is a cron job; cron jobs have no disk`);
    const present = await findDiskOfService(trx, service.id);
    if (present) {
      throw new ErrandError(
        'conflict',
        `${service.id} has the disk ${present.id}; a service has one at most`,
      );
    }
    const disk = newDisk(context, service, newId('dsk'), input);
    await insertDisk(trx, disk);
    await repeatInDetails(trx, service, disk);
    await tell(trx, disk, 'disk_created', { diskId: disk.id, sizeGB: disk.size_gb });
    return disk;
  });
}

/** Records the disk that a new service was given in its details. */
export async function recordDiskOfNewService(
  context: Pick<Context, 'clock'>,
  trx: Queries,
  service: ServicesTable,
): Promise<void> {
  const given = detailsOf(service)['disk'] as (DiskFields & { id: string }) | undefined;
  if (!given) return;
  checkFields(given);
  await insertDisk(trx, newDisk(context, service, given.id, given));
}

/** @throws `notFound` */
export async function getDisk(context: Context, workspaceId: string, id: string): Promise<Disk> {
  const disk = await findDisk(context.database.read, workspaceId, id);
  if (!disk) throw notFound(id);
  return disk;
}

export async function listDisks(
  context: Context,
  workspaceId: string,
  filter: DiskFilter,
  page: Page,
): Promise<Disk[]> {
  return selectDisks(context.database.read, workspaceId, filter, page);
}

/** Changes the fields that are given; a disk only grows. @throws `notFound`, `invalidRequest` */
export async function updateDisk(
  context: Context,
  workspaceId: string,
  id: string,
  input: Partial<DiskFields>,
): Promise<Disk> {
  return context.database.write(async (trx) => {
    const disk = await findDisk(trx, workspaceId, id);
    if (!disk) throw notFound(id);
    const fields = { name: disk.name, sizeGB: disk.size_gb, mountPath: disk.mount_path, ...input };
    checkFields(fields);
    if (fields.sizeGB < disk.size_gb) {
      throw invalid(
        `sizeGB must be at least the present ${disk.size_gb}: a disk only grows; got ${fields.sizeGB}`,
      );
    }
    const updated = await updateDiskRow(trx, id, {
      name: fields.name,
      size_gb: fields.sizeGB,
      mount_path: fields.mountPath,
      updated_at: context.clock.now(),
    });
    await repeatInDetails(trx, await findService(trx, workspaceId, disk.service_id), updated!);
    const details = { diskId: id, fromSizeGB: disk.size_gb, toSizeGB: fields.sizeGB };
    await tell(trx, updated!, 'disk_updated', details);
    return updated!;
  });
}

/** @throws `notFound` */
export async function deleteDisk(context: Context, workspaceId: string, id: string): Promise<void> {
  await context.database.write(async (trx) => {
    const disk = await findDisk(trx, workspaceId, id);
    if (!disk) throw notFound(id);
    await deleteDiskRow(trx, id);
    await repeatInDetails(trx, await findService(trx, workspaceId, disk.service_id), undefined);
    await tell(trx, { ...disk, updated_at: context.clock.now() }, 'disk_deleted', { diskId: id });
  });
}

function newDisk(
  context: Pick<Context, 'clock'>,
  service: ServicesTable,
  id: string,
  fields: DiskFields,
): DisksTable {
  const at = context.clock.now();
  return {
    id,
    workspace_id: service.workspace_id,
    service_id: service.id,
    name: fields.name,
    size_gb: fields.sizeGB,
    mount_path: fields.mountPath,
    created_at: at,
    updated_at: at,
  };
}

function checkFields({ name, sizeGB, mountPath }: DiskFields): void {
  checkName(name);
  checkWholeNumber('sizeGB', sizeGB, 1, 100_000);
  if (!posix.isAbsolute(mountPath) || posix.normalize(mountPath) === '/' || mountPath.length > 1000) {
    throw invalid(`mountPath must be an absolute path below / such as /var/data, got ${quote(mountPath)}`);
  }
}

async function repeatInDetails(trx: Queries, service: ServicesTable, disk: Disk | undefined): Promise<void> {
  const { disk: _, ...details } = detailsOf(service);
  const repeated = disk && {
    disk: { id: disk.id, name: disk.name, sizeGB: disk.size_gb, mountPath: disk.mount_path },
  };
  await updateServiceRow(trx, service.id, { details: JSON.stringify({ ...details, ...repeated }) });
}

async function tell(trx: Queries, disk: Disk, type: string, details: Record<string, unknown>): Promise<void> {
  await insertEvent(trx, {
    workspaceId: disk.workspace_id,
    serviceId: disk.service_id,
    type,
    details,
    at: disk.updated_at,
  });
}
