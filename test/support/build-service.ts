import type { Deploy, Service } from '../../src/api/contract-types.ts';
import { eventually } from './eventually.ts';
import type { GitRepository } from './git-repository.ts';
import type { TestServer } from './server.ts';

/**
 * Creates a service from a repository and builds it.
 * @param more fields of the request
 * @returns the service with its finished deploy
 */
export async function buildService(
  server: TestServer,
  repository: GitRepository,
  buildCommand: string,
  more: Record<string, unknown> = {},
): Promise<{ service: Service; deploy: Deploy }> {
  const created = await server.call<{ service: Service; deployId: string }>('POST', '/services', {
    type: 'web_service',
    name: `built-${repository.path.split('-').at(-1)}`,
    ownerId: await server.workspaceId(),
    repo: `file://${repository.path}`,
    serviceDetails: {
      runtime: 'node',
      plan: 'starter',
      envSpecificDetails: { buildCommand, startCommand: 'true' },
    },
    ...more,
  });
  const { service, deployId } = created.body;
  const deploy = await eventually(async () => {
    const { body } = await server.call<Deploy>('GET', `/services/${service.id}/deploys/${deployId}`);
    return body.finishedAt ? body : undefined;
  });
  return { service, deploy };
}
