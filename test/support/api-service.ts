/** What tests of services, their values and their deploys add to the API of `api.ts`. */
import type { Service, ServicePOST } from '../../src/api/contract-types.ts';
import { startApi, type TestApi } from './api.ts';

export interface ServiceApi extends TestApi {
  /** A body that creates a service; what is given replaces its fields. */
  serviceBody(more?: Record<string, unknown>): ServicePOST;
  createService(more?: Record<string, unknown>): Promise<Service>;
}

export async function startServiceApi(): Promise<ServiceApi> {
  const api = await startApi();
  let count = 0;
  const serviceBody: ServiceApi['serviceBody'] = (more = {}) => {
    count += 1;
    return {
      type: 'web_service',
      name: `service-${count}`,
      ownerId: api.workspaceId,
      // Nothing is there: the first deploy fails quickly, which the tests of the API do not mind.
      repo: 'file:///nowhere/team/app',
      serviceDetails: {
        runtime: 'node',
        plan: 'starter',
        envSpecificDetails: { buildCommand: 'true', startCommand: 'node .' },
      },
      ...more,
    };
  };
  return {
    ...api,
    serviceBody,
    createService: async (more) =>
      (await api.admin.ok('create-service', { body: serviceBody(more) })).service!,
  };
}
