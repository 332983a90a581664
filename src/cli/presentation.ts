/** Services, deploys and jobs as text. */
import type { Deploy, Job, Service } from '../api/contract-types.ts';
import { costMicroUsd, instanceTypes } from '../services/plans.ts';
import { secondsBetween } from '../shared/clock.ts';
import { formatAge, formatCost, formatDuration } from './durations.ts';
import { jobExit } from './exit-codes.ts';
import { cell, fields, paintStatus, table } from './output.ts';

export function serviceTable(services: Service[], nowMs: number): string {
  return table(
    ['NAME', 'ID', 'TYPE', 'RUNTIME', 'STATE', 'UPDATED'],
    services.map((service) => [
      cell(service.name, 40),
      service.id,
      service.type,
      runtimeOf(service) ?? '',
      service.suspended === 'suspended' ? paintStatus('suspended') : 'active',
      formatAge(service.updatedAt, nowMs),
    ]),
  );
}

export function serviceFields(service: Service): string {
  const details = service.serviceDetails as { plan?: string; schedule?: string; envSpecificDetails?: object };
  const commands = (details.envSpecificDetails ?? {}) as { buildCommand?: string; startCommand?: string };
  return fields([
    ['id', service.id],
    ['name', cell(service.name)],
    ['type', service.type],
    ['state', service.suspended === 'suspended' ? paintStatus('suspended') : 'active'],
    ['runtime', runtimeOf(service)],
    ['plan', details.plan && cell(details.plan)],
    ['repository', service.repo && cell(service.repo, 200)],
    ['branch', service.branch && cell(service.branch, 200)],
    ['root folder', cell(service.rootDir, 200)],
    ['image', service.imagePath && cell(service.imagePath, 200)],
    ['schedule', details.schedule && cell(details.schedule)],
    ['build command', commands.buildCommand && cell(commands.buildCommand, 200)],
    ['start command', commands.startCommand && cell(commands.startCommand, 200)],
    ['created', service.createdAt],
    ['updated', service.updatedAt],
  ]);
}

function runtimeOf(service: Service): string | undefined {
  return (service.serviceDetails as { runtime?: string; env?: string }).runtime;
}

export function deployLine(deploy: Deploy, nowMs: number): string {
  const took = formatDuration(deploy.startedAt ?? deploy.createdAt, deploy.finishedAt, nowMs);
  const why = deploy.statusReason ? `: ${cell(deploy.statusReason, 500)}` : '';
  return `${deploy.id} ${paintStatus(deploy.status ?? 'created')}${took ? ` after ${took}` : ''}${why}`;
}

export function jobTable(jobs: Job[], nowMs: number): string {
  return table(
    ['ID', 'STATUS', 'EXIT', 'CREATED', 'DURATION', 'COMMAND'],
    jobs.map((job) => [
      job.id,
      paintStatus(job.status ?? 'pending') + (job.queuePlace ? ` (${job.queuePlace}.)` : ''),
      outcome(job) ?? '',
      formatAge(job.createdAt, nowMs),
      formatDuration(job.startedAt, job.finishedAt, nowMs) ?? '',
      cell(job.startCommand),
    ]),
  );
}

export function jobFields(job: Job, nowMs: number): string {
  return fields([
    ['id', job.id],
    ['service', job.serviceId],
    ['command', cell(job.startCommand, 500)],
    ['status', paintStatus(job.status ?? 'pending')],
    ['place in queue', job.queuePlace?.toString()],
    ['why', job.statusReason && cell(job.statusReason, 500)],
    ['exit', outcome(job)],
    ['reason', job.status === 'failed' ? reasonOf(job) : undefined],
    ['instance type', planName(job.planId)],
    ['created', job.createdAt],
    ['started', job.startedAt],
    ['finished', job.finishedAt],
    ['duration', formatDuration(job.startedAt, job.finishedAt, nowMs)],
    ['cost', jobCost(job)],
  ]);
}

function reasonOf(job: Job): string | undefined {
  const { why } = jobExit(job);
  return why && cell(why, 500);
}

function outcome(job: Job): string | undefined {
  return job.signal ?? (job.exitCode === undefined ? undefined : String(job.exitCode));
}

function planName(planId: string): string {
  const type = instanceTypes.find(({ id }) => id === planId);
  return type ? `${type.name} (${planId})` : planId;
}

/** What a finished run cost, by the second: a begun one counts, and one at least. */
function jobCost({ planId, startedAt, finishedAt }: Job): string | undefined {
  if (!startedAt || !finishedAt) return undefined;
  return formatCost(costMicroUsd(planId, Math.max(1, Math.ceil(secondsBetween(startedAt, finishedAt)))));
}
