/**
 * Reads `serviceDetails` of a request. The contract offers a choice of five shapes, the loosest of which accepts almost
 * anything; the type of the service says which one counts, so it is judged by that one alone.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { invalid, quote } from '../../errors.ts';
import type { GivenDetails } from '../../services/service-details.ts';
import type { Contract } from '../contract.ts';
import { declaredOnly } from '../declared-only.ts';
import { withDefaults, withoutRequiredDefaults } from '../request-schemas.ts';

export type ServiceTypeWithDetails = 'web_service' | 'private_service' | 'background_worker' | 'cron_job';

const SCHEMA_NAMES: Record<ServiceTypeWithDetails, string> = {
  web_service: 'webServiceDetails',
  private_service: 'privateServiceDetails',
  background_worker: 'backgroundWorkerDetails',
  cron_job: 'cronJobDetails',
};

export type DetailsReader = (
  type: ServiceTypeWithDetails,
  method: 'POST' | 'PATCH',
  given: unknown,
) => GivenDetails;

/** Makes a reader that throws `invalidRequest` for what the contract does not allow, and drops what it does not name. */
export function serviceDetailsReader(schemas: Contract['schemas']): DetailsReader {
  const relaxed = withoutRequiredDefaults(schemas, schemas);
  const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false, verbose: true });
  const made = new Map<string, { validate: ValidateFunction; onlyDeclared: (value: unknown) => unknown }>();
  return (type, method, given) => {
    const name = `${SCHEMA_NAMES[type]}${method}`;
    const details = tolerate(given ?? {}, method);
    let one = made.get(name);
    if (!one) {
      const $ref = `#/components/schemas/${name}`;
      const validate = ajv.compile({ $ref, components: { schemas: relaxed } });
      one = { validate, onlyDeclared: declaredOnly(schemas, { $ref }) };
      made.set(name, one);
    }
    if (!one.validate(details)) throw invalid(describe(one.validate));
    const declared = one.onlyDeclared(details);
    const $ref = `#/components/schemas/${name}`;
    const whole = method === 'POST' ? withDefaults(schemas, { $ref }, declared) : declared;
    return withCredential(
      whole as GivenDetails,
      (details as GivenDetails).envSpecificDetails?.['registryCredentialId'],
    );
  };
}

/** Clients send the credential of a cron job's Docker build too, for which the contract has no field. */
function withCredential(details: GivenDetails, registryCredentialId: unknown): GivenDetails {
  if (typeof registryCredentialId !== 'string') return details;
  return { ...details, envSpecificDetails: { ...details.envSpecificDetails, registryCredentialId } };
}

/** Existing clients leave out what has a default, and send empty objects for what they have no value for. */
function tolerate(given: unknown, method: 'POST' | 'PATCH'): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const details = { ...given } as GivenDetails;
  if (method === 'POST') {
    details.runtime ??= details.env;
    // Absent, and not undefined, so that the check says what is missing.
    if (details.runtime === undefined) delete details.runtime;
    details['plan'] ??= 'starter';
  }
  const specific = details.envSpecificDetails;
  if (typeof specific === 'object' && !Array.isArray(specific)) {
    const { registryCredential, ...rest } = specific;
    const credentialId = (registryCredential as { id?: unknown } | undefined)?.id;
    details.envSpecificDetails = rest;
    if (typeof credentialId === 'string' && credentialId !== '') {
      details.envSpecificDetails['registryCredentialId'] ??= credentialId;
    }
    // Required by the contract's shape for cron jobs, optional in all others.
    if (method === 'POST') {
      if (rest['buildCommand'] !== undefined) rest['startCommand'] ??= '';
      if (rest['startCommand'] !== undefined) rest['buildCommand'] ??= '';
    }
  }
  return details;
}

function describe({ errors }: ValidateFunction): string {
  const error = errors?.find((one) => one.keyword !== 'anyOf') ?? errors?.[0];
  if (!error) return 'serviceDetails is not valid';
  const field = `serviceDetails${error.instancePath.replaceAll('/', '.')}`;
  if (error.keyword === 'required') return `${field}.${error.params['missingProperty']} is required`;
  if (error.keyword === 'enum') {
    const allowed = (error.params['allowedValues'] as string[]).join(', ');
    return `${field} must be one of ${allowed}, got ${quote(error.data)}`;
  }
  return `${field} ${error.message ?? 'is not valid'}, got ${quote(error.data)}`;
}
