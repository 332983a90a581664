/** Services: what a team deploys, and what its jobs run against. */
import type { FastifyRequest } from 'fastify';
import type { Context } from '../../context.ts';
import { invalid } from '../../errors.ts';
import { createService } from '../../services/create-service.ts';
import { deleteService } from '../../services/delete-service.ts';
import { listServices, type StoredService } from '../../services/list-services.ts';
import { findService } from '../../services/resolve-service.ts';
import { credentialsOf } from '../../services/service-credential.ts';
import { resumeService, suspendService } from '../../services/suspend-service.ts';
import { updateService } from '../../services/update-service.ts';
import type { Service, ServiceType } from '../contract-types.ts';
import type { OperationRegistry } from '../operations.ts';
import { decodeCursor, encodeCursor, pageLimit } from '../pagination.ts';
import { presentService } from '../schemas/service.ts';
import { type ServiceTypeWithDetails, serviceDetailsReader } from '../schemas/service-details.ts';
import { readInstant } from '../time.ts';

export function serviceRoutes(operations: OperationRegistry, context: Context): void {
  const readDetails = serviceDetailsReader(operations.schemas);
  const present = async (request: FastifyRequest, service: StoredService): Promise<Service> =>
    presentService(
      service,
      baseUrl(request),
      await credentialsOf(context, request.caller.workspaceId, [service]),
    );

  operations.add('create-service', async ({ body, caller, request }) => {
    const { type } = body;
    const given = { ...(body.image ? { runtime: 'image' } : {}), ...withoutUndefined(body.serviceDetails) };
    const { service, deployId } = await createService(context, {
      ...body,
      workspaceId: caller.workspaceId,
      serviceDetails: type === 'static_site' ? {} : readDetails(type, 'POST', given),
      artifactSourceId: (given as { artifactSourceId?: string }).artifactSourceId,
    });
    return { service: await present(request, service), deployId };
  });

  operations.add('list-services', async ({ query, caller, request }) => {
    const services = await listServices(
      context,
      caller.workspaceId,
      {
        ownerId: query.ownerId,
        name: query.name,
        type: query.type === undefined ? undefined : withDetails(query.type),
        runtime: query.env,
        region: query.region,
        environmentId: query.environmentId,
        suspended: oneOrBoth(query.suspended),
        createdBefore: readInstant('createdBefore', query.createdBefore),
        createdAfter: readInstant('createdAfter', query.createdAfter),
        updatedBefore: readInstant('updatedBefore', query.updatedBefore),
        updatedAfter: readInstant('updatedAfter', query.updatedAfter),
      },
      { limit: pageLimit(query.limit), after: decodeCursor(query.cursor) },
    );
    const credentials = await credentialsOf(context, caller.workspaceId, services);
    return services.map((service) => ({
      service: presentService(service, baseUrl(request), credentials),
      cursor: encodeCursor({ createdAt: service.created_at, id: service.id }),
    }));
  });

  operations.add('retrieve-service', async ({ params, caller, request }) => {
    const service = await findService(context.database.read, caller.workspaceId, params.serviceId);
    return present(request, service);
  });

  operations.add('update-service', async ({ params, body, caller, request }) => {
    const current = await findService(context.database.read, caller.workspaceId, params.serviceId);
    if (body.artifactId) {
      throw invalid('artifactId is not accepted here; deploy a commit to change what the service runs');
    }
    const serviceDetails =
      body.serviceDetails && readDetails(current.type, 'PATCH', withoutUndefined(body.serviceDetails));
    const updated = await updateService(context, caller.workspaceId, params.serviceId, {
      ...body,
      serviceDetails,
    });
    return present(request, updated);
  });

  operations.add('delete-service', async ({ params, caller }) => {
    await deleteService(context, caller.workspaceId, params.serviceId);
    return undefined;
  });

  operations.add('suspend-service', async ({ params, caller }) => {
    await suspendService(context, caller.workspaceId, params.serviceId);
    return undefined;
  });

  operations.add('resume-service', async ({ params, caller }) => {
    await resumeService(context, caller.workspaceId, params.serviceId);
    return undefined;
  });
}

/** Where this client reached the server: that is where it finds the dashboard too. */
const baseUrl = (request: FastifyRequest): string => `${request.protocol}://${request.host}`;

/** No static site exists, so asking for them alone finds nothing. */
const withDetails = (types: readonly ServiceType[]): ServiceTypeWithDetails[] =>
  types.filter((type) => type !== 'static_site');

function oneOrBoth(suspended: readonly ('suspended' | 'not_suspended')[] | undefined): boolean | undefined {
  const wanted = new Set(suspended);
  return wanted.size === 1 ? wanted.has('suspended') : undefined;
}

const withoutUndefined = (value: object | undefined): Record<string, unknown> => ({ ...value });
