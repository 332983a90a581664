/**
 * The part of a service that depends on its type: the contract's `serviceDetails`, stored in the shape in which it is
 * answered, with defaults filled in. What Errand does not act on is kept as given.
 */
import type { ServiceKind, ServicesTable } from '../db/schema.ts';
import { invalid, quote } from '../errors.ts';
import { newId } from '../shared/ids.ts';
import { checkCommand, checkSchedule, checkWholeNumber } from './service-rules.ts';

/** Fields of the details as a request carries them, of whatever type of service; checked against the contract. */
export type GivenDetails = Record<string, unknown> & {
  runtime?: string;
  env?: string;
  envSpecificDetails?: Record<string, unknown>;
};

export interface ServiceDetails {
  env: string;
  runtime: string;
  plan: string;
  region: string;
  buildPlan: string;
  envSpecificDetails?: {
    buildCommand?: string;
    startCommand?: string;
    preDeployCommand?: string;
    dockerCommand?: string;
    dockerContext?: string;
    dockerfilePath?: string;
    registryCredentialId?: string;
  };
  /** From 1 to 300; 30 where a service names none. */
  maxShutdownDelaySeconds?: number;
  /** Of cron jobs. */
  schedule?: string;
  [field: string]: unknown;
}

/** Runtimes that are built with the tools of the host; the others need an image. */
export const NATIVE_RUNTIMES = ['elixir', 'go', 'node', 'python', 'ruby', 'rust'] as const;
const IMAGE_RUNTIMES = ['docker', 'image'] as const;

export const isNativeRuntime = (runtime: string): boolean =>
  NATIVE_RUNTIMES.some((native) => native === runtime);

/** The stored details of a service. */
export function detailsOf(service: Pick<ServicesTable, 'details'>): ServiceDetails {
  return JSON.parse(service.details);
}

/** The columns that repeat a detail, so that lists can be filtered by it. */
export function detailColumns(details: ServiceDetails) {
  return {
    details: JSON.stringify(details),
    runtime: details.runtime,
    plan: details.plan,
    region: details.region,
  };
}

/** The details of a new service. @throws `invalidRequest` for what no service of the type can have */
export function newDetails(type: ServiceKind, given: GivenDetails, hasImage: boolean): ServiceDetails {
  const runtime = given.runtime ?? given.env ?? (hasImage ? 'image' : undefined);
  if (runtime === undefined) {
    throw invalid(
      `serviceDetails.runtime is required; one of ${[...NATIVE_RUNTIMES, ...IMAGE_RUNTIMES].join(', ')}`,
    );
  }
  const { preDeployCommand, disk, envSpecificDetails, ...rest } = given;
  const details: ServiceDetails = {
    ...defaultsOf(type),
    ...rest,
    ...(disk === undefined ? {} : { disk: { id: newId('dsk'), sizeGB: 10, ...(disk as object) } }),
    env: runtime,
    runtime,
    plan: String(given['plan'] ?? 'starter'),
    region: String(given['region'] ?? 'oregon'),
    buildPlan: 'starter',
    envSpecificDetails: {
      ...environmentDefaults(runtime),
      ...ofRuntime(runtime, {
        ...(preDeployCommand === undefined ? {} : { preDeployCommand }),
        ...envSpecificDetails,
      }),
    },
  };
  checkDetails(type, details);
  return details;
}

/** What objects among the details have at least; a change may name a part of such an object, or nothing of it. */
const OBJECT_DEFAULTS: Record<string, object> = {
  previews: { generation: 'off' },
  cache: { profile: 'no-cache' },
};

/** The details after a change: fields replace fields, those of `envSpecificDetails` one by one. */
export function mergeDetails(type: ServiceKind, stored: ServiceDetails, given: GivenDetails): ServiceDetails {
  const { preDeployCommand, envSpecificDetails, ...rest } = given;
  for (const [field, defaults] of Object.entries(OBJECT_DEFAULTS)) {
    const change = rest[field] as object | undefined;
    if (change) rest[field] = { ...defaults, ...(stored[field] as object | undefined), ...change };
  }
  const runtime = given.runtime ?? stored.runtime;
  const sameFamily = isNativeRuntime(runtime) === isNativeRuntime(stored.runtime);
  const details: ServiceDetails = {
    ...stored,
    ...rest,
    env: runtime,
    runtime,
    envSpecificDetails: {
      ...(sameFamily ? stored.envSpecificDetails : environmentDefaults(runtime)),
      ...ofRuntime(runtime, {
        ...(preDeployCommand === undefined ? {} : { preDeployCommand }),
        ...envSpecificDetails,
      }),
    },
  };
  checkDetails(type, details);
  return details;
}

function defaultsOf(type: ServiceKind): Record<string, unknown> {
  if (type === 'cron_job') return {};
  const shared = { numInstances: 1, previews: { generation: 'off' }, pullRequestPreviewsEnabled: 'no' };
  // Errand keeps no service running and routes no traffic: it has no port open and no address.
  if (type === 'background_worker') return shared;
  return { ...shared, openPorts: [], url: '', ...(type === 'web_service' ? { healthCheckPath: '' } : {}) };
}

function environmentDefaults(runtime: string): NonNullable<ServiceDetails['envSpecificDetails']> {
  if (isNativeRuntime(runtime)) return { buildCommand: '', startCommand: '' };
  const built = runtime === 'docker';
  return { dockerCommand: '', dockerContext: built ? '.' : '', dockerfilePath: built ? './Dockerfile' : '' };
}

const NATIVE_FIELDS = ['buildCommand', 'startCommand', 'preDeployCommand'];
const IMAGE_FIELDS = [
  'dockerCommand',
  'dockerContext',
  'dockerfilePath',
  'preDeployCommand',
  'registryCredentialId',
];

/** Clients send the fields of both families; only those of the runtime's own say something. */
function ofRuntime(runtime: string, given: Record<string, unknown>): Record<string, unknown> {
  const fields = isNativeRuntime(runtime) ? NATIVE_FIELDS : IMAGE_FIELDS;
  return Object.fromEntries(Object.entries(given).filter(([field]) => fields.includes(field)));
}

function checkDetails(type: ServiceKind, details: ServiceDetails): void {
  if (type === 'cron_job') checkSchedule(String(details.schedule ?? ''));
  checkWholeNumber('serviceDetails.maxShutdownDelaySeconds', details.maxShutdownDelaySeconds, 1, 300);
  checkWholeNumber('serviceDetails.numInstances', details['numInstances'], 0, 1000);
  for (const [field, value] of Object.entries(details.envSpecificDetails ?? {})) {
    checkCommand(`serviceDetails.envSpecificDetails.${field}`, value);
  }
  const healthCheckPath = details['healthCheckPath'];
  if (typeof healthCheckPath === 'string' && healthCheckPath !== '' && !healthCheckPath.startsWith('/')) {
    throw invalid(`serviceDetails.healthCheckPath must begin with /, got ${quote(healthCheckPath)}`);
  }
}
