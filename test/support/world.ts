/**
 * One of everything in a workspace, and for every operation of the contract a call that succeeds there. Tests walk it,
 * so that no operation can be forgotten: a new one without an entry here does not compile.
 */
import type { OperationId, Operations } from '../../src/api/contract-types.ts';
import type { TestApi } from './api.ts';
import type { Answer, ContractClient } from './contract-client.ts';
import { eventually } from './eventually.ts';
import { GitRepository } from './git-repository.ts';

/** Ids and names of what is there, by the names of path parameters. */
export type WorldParams = Record<
  | 'serviceId'
  | 'cronJobId'
  | 'deployId'
  | 'jobId'
  | 'envVarKey'
  | 'diskId'
  | 'ownerId'
  | 'registryCredentialId'
  | 'customDomainNameOrID'
  | 'eventId'
  | 'resourceId'
  | 'projectId'
  | 'environmentId'
  | 'envGroupId'
  | 'webhookId'
  | 'keyId',
  string
>;

export interface World {
  api: TestApi;
  client: ContractClient;
  params: WorldParams;
  /** A deploy that was live before the present one. */
  earlierDeployId: string;
  repository: GitRepository;
}

type Ok = <Id extends OperationId>(
  id: Id,
  input?: Parameters<ContractClient['ok']>[1],
) => Promise<Operations[Id]['answer']>;

/** Fills the workspace of the API's admin. Remove `repository` in the end. */
export async function makeWorld(api: TestApi): Promise<World> {
  const client = api.admin;
  const ok = client.ok.bind(client) as Ok;
  const repository = new GitRepository({ 'run.sh': 'echo run' });
  const ownerId = api.workspaceId;
  const created = await ok('create-service', { body: webService(ownerId, 'main', repository.path) });
  const service = created.service!;
  const earlierDeployId = created.deployId!;
  await settled(client, service.id, earlierDeployId);
  const again = (await ok('create-deploy', { params: { serviceId: service.id }, body: {} }))!;
  await settled(client, service.id, again.id);
  const shared = { key: 'SHARED', value: 'a shared value' };
  const file = { name: 'SHARED', content: 'a shared content' };
  const group = await ok('create-env-group', {
    body: { name: 'group', ownerId, envVars: [shared], secretFiles: [file], serviceIds: [service.id] },
  });
  await ok('update-env-vars-for-service', { params: { serviceId: service.id }, body: [shared] });
  await ok('update-secret-files-for-service', { params: { serviceId: service.id }, body: [file] });
  const project = await ok('create-project', {
    body: { name: 'project', ownerId, environments: [{ name: 'prod' }] },
  });
  const [domain] = await ok('create-custom-domain', {
    params: { serviceId: service.id },
    body: { name: 'app.example.com' },
  });
  const disk = await ok('add-disk', {
    body: { name: 'disk', sizeGB: 1, mountPath: '/var/data', serviceId: service.id },
  });
  const credential = await ok('create-registry-credential', {
    body: { registry: 'DOCKER', name: 'hub', username: 'me', authToken: 'a-registry-token', ownerId },
  });
  const webhook = await ok('create-webhook', {
    body: { ownerId, url: 'https://example.com/hook', name: 'hook', enabled: true, eventFilter: [] },
  });
  const job = await ok('post-job', { params: { serviceId: service.id }, body: { startCommand: 'echo hi' } });
  await api.server.finished(job.id);
  const [event] = await ok('list-events', { params: { serviceId: service.id } });
  const key = await ok('create-key', { body: { name: 'spare', role: 'viewer' } });
  return {
    api,
    client,
    earlierDeployId,
    repository,
    params: {
      serviceId: service.id,
      cronJobId: await api.seed({ type: 'cron_job' }),
      deployId: again.id,
      jobId: job.id,
      envVarKey: 'SHARED',
      diskId: disk.id,
      ownerId,
      registryCredentialId: credential.id,
      customDomainNameOrID: domain!.id,
      eventId: event!.event.id,
      resourceId: service.id,
      projectId: project.id,
      environmentId: project.environmentIds[0]!,
      envGroupId: group.id,
      webhookId: webhook.id,
      keyId: key.apiKey.id,
    },
  };
}

let made = 0;
/** A name that no other call of this run uses. */
const fresh = (what: string): string => {
  made += 1;
  return `${what}-${made}`;
};

const webService = (ownerId: string, name: string, repo: string, buildCommand = 'true') => ({
  type: 'web_service',
  name,
  ownerId,
  repo,
  serviceDetails: {
    runtime: 'node',
    plan: 'starter',
    envSpecificDetails: { buildCommand, startCommand: 'node .' },
  },
});

/** Waits for the end of a deploy. */
async function settled(client: ContractClient, serviceId: string, deployId: string): Promise<void> {
  await eventually(
    async () => {
      const { status } = await client.ok('retrieve-deploy', { params: { serviceId, deployId } });
      return status === 'queued' || status === 'build_in_progress' ? undefined : true;
    },
    { withinMs: 30_000, what: `the end of deploy ${deployId}` },
  );
}

/** Path parameters of an operation, from the world. */
export function paramsOf(world: World, path: string): Record<string, string> {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return Object.fromEntries(names.map((name) => [name, world.params[name as keyof WorldParams] ?? 'none']));
}

interface CallPlan {
  query?: Record<string, unknown>;
  body?: unknown;
  params?: Record<string, string>;
}

/** For every operation what a call of it needs beside its path; prepares what only this call uses. */
export const callPlans: { [Id in OperationId]: (world: World) => CallPlan | Promise<CallPlan> } = {
  'list-disks': () => ({}),
  'add-disk': async (world) => ({
    body: { name: 'extra', sizeGB: 2, mountPath: '/data', serviceId: await world.api.seed() },
  }),
  'retrieve-disk': () => ({}),
  'update-disk': () => ({ body: { sizeGB: 3 } }),
  'delete-disk': () => ({}),
  'get-user': () => ({}),
  'list-owners': () => ({}),
  'retrieve-owner': () => ({}),
  'retrieve-owner-members': () => ({}),
  'retrieve-owner-notification-settings': () => ({}),
  'patch-owner-notification-settings': () => ({ body: { emailEnabled: true, notificationsToSend: 'all' } }),
  'list-notification-overrides': () => ({}),
  'retrieve-service-notification-overrides': () => ({}),
  'patch-service-notification-overrides': () => ({ body: { notificationsToSend: 'none' } }),
  'list-registry-credentials': () => ({}),
  'create-registry-credential': ({ params }) => ({
    body: { registry: 'GITHUB', name: 'more', username: 'me', authToken: 'token', ownerId: params.ownerId },
  }),
  'retrieve-registry-credential': () => ({}),
  'update-registry-credential': () => ({
    body: { registry: 'GITLAB', name: 'hub', username: 'you', authToken: 'another-token' },
  }),
  'delete-registry-credential': () => ({}),
  'list-services': () => ({}),
  'create-service': ({ params, repository }) => ({
    body: webService(params.ownerId, fresh('another'), repository.path),
  }),
  'retrieve-service': () => ({}),
  'update-service': () => ({ body: { branch: 'main' } }),
  'delete-service': () => ({}),
  'get-repository-credential': () => ({}),
  'set-repository-credential': async ({ client, params }) => ({
    params: { serviceId: await httpsService(client, params.ownerId) },
    body: { token: 'a-token-of-the-host', username: 'deploy' },
  }),
  'delete-repository-credential': async ({ client, params }) => {
    const serviceId = await httpsService(client, params.ownerId);
    await client.ok('set-repository-credential', { params: { serviceId }, body: { token: 'another-token' } });
    return { params: { serviceId } };
  },
  'list-deploys': () => ({}),
  'create-deploy': () => ({ body: {} }),
  'retrieve-deploy': () => ({}),
  'cancel-deploy': async ({ client, params, repository }) => {
    const body = webService(params.ownerId, fresh('slow'), repository.path, 'sleep 60');
    const created = await client.ok('create-service', { body });
    return { params: { serviceId: created.service!.id, deployId: created.deployId! } };
  },
  'rollback-deploy': ({ earlierDeployId }) => ({ body: { deployId: earlierDeployId } }),
  'create-ephemeral-shell': () => ({}),
  'get-env-vars-for-service': () => ({}),
  'update-env-vars-for-service': () => ({ body: [{ key: 'SHARED', value: 'v' }] }),
  'retrieve-env-var': () => ({}),
  'update-env-var': () => ({ body: { value: 'another' } }),
  'delete-env-var': () => ({}),
  'list-secret-files-for-service': () => ({}),
  'update-secret-files-for-service': () => ({ body: [{ name: 'SHARED', content: 'c' }] }),
  'retrieve-secret-file': () => ({}),
  'add-or-update-secret-file': () => ({ body: { content: 'another' } }),
  'delete-secret-file': () => ({}),
  'list-events': () => ({}),
  'list-custom-domains': () => ({}),
  'create-custom-domain': () => ({ body: { name: `${fresh('www')}.example.com` } }),
  'retrieve-custom-domain': () => ({}),
  'delete-custom-domain': () => ({}),
  'refresh-custom-domain': () => ({}),
  'suspend-service': () => ({}),
  'resume-service': () => ({}),
  'restart-service': () => ({}),
  'scale-service': () => ({ body: { numInstances: 3 } }),
  'autoscale-service': () => ({
    body: {
      enabled: true,
      min: 1,
      max: 4,
      criteria: { cpu: { enabled: true, percentage: 70 }, memory: { enabled: false, percentage: 80 } },
    },
  }),
  'delete-autoscaling-config': () => ({}),
  'list-job': () => ({}),
  'post-job': () => ({ body: { startCommand: 'true' } }),
  'retrieve-job': () => ({}),
  'cancel-job': async ({ client, params: { serviceId } }) => {
    const job = await client.ok('post-job', { params: { serviceId }, body: { startCommand: 'sleep 60' } });
    return { params: { serviceId, jobId: job.id } };
  },
  'list-instances': () => ({}),
  'run-cron-job': () => ({}),
  'cancel-cron-job-run': () => ({}),
  'retrieve-event': () => ({}),
  'list-logs': ({ params }) => ({ query: { ownerId: params.ownerId, resource: [params.jobId] } }),
  'subscribe-logs': ({ params }) => ({ query: { ownerId: params.ownerId, resource: [params.jobId] } }),
  'list-logs-values': ({ params }) => ({
    query: { ownerId: params.ownerId, resource: [params.jobId], label: 'type' },
  }),
  'get-owner-log-stream': ({ client, params: { ownerId } }) =>
    client
      .ok('update-owner-log-stream', {
        params: { ownerId },
        body: { endpoint: 'logs.example.com:6514', preview: 'send' },
      })
      .then(() => ({})),
  'update-owner-log-stream': () => ({ body: { endpoint: 'logs.example.com:6514', preview: 'send' } }),
  'delete-owner-log-stream': () => ({}),
  'list-resource-log-streams': () => ({}),
  'get-resource-log-stream': ({ client, params: { resourceId } }) =>
    client
      .ok('update-resource-log-stream', { params: { resourceId }, body: { setting: 'drop' } })
      .then(() => ({})),
  'update-resource-log-stream': () => ({ body: { setting: 'drop' } }),
  'delete-resource-log-stream': () => ({}),
  'get-cpu': ({ params }) => ({ query: { resource: params.serviceId } }),
  'get-cpu-limit': ({ params }) => ({ query: { resource: params.serviceId } }),
  'get-memory': ({ params }) => ({ query: { resource: params.serviceId } }),
  'get-memory-limit': ({ params }) => ({ query: { resource: params.serviceId } }),
  'list-projects': () => ({}),
  'create-project': ({ params }) => ({
    body: { name: 'second', ownerId: params.ownerId, environments: [] },
  }),
  'retrieve-project': () => ({}),
  'update-project': () => ({ body: { name: 'renamed' } }),
  'delete-project': () => ({}),
  'list-environments': ({ params }) => ({ query: { projectId: [params.projectId] } }),
  'create-environment': ({ params }) => ({ body: { name: 'staging', projectId: params.projectId } }),
  'retrieve-environment': () => ({}),
  'update-environment': () => ({ body: { name: 'production' } }),
  'delete-environment': () => ({}),
  'add-resources-to-environment': ({ params }) => ({ body: { resourceIds: [params.serviceId] } }),
  'remove-resources-from-environment': ({ params }) => ({ query: { resourceIds: [params.serviceId] } }),
  'list-env-groups': () => ({}),
  'create-env-group': ({ params }) => ({
    body: { name: 'second', ownerId: params.ownerId, envVars: [{ key: 'A', generateValue: true }] },
  }),
  'retrieve-env-group': () => ({}),
  'update-env-group': () => ({ body: { name: 'renamed' } }),
  'delete-env-group': () => ({}),
  'link-service-to-env-group': () => ({}),
  'unlink-service-from-env-group': () => ({}),
  'retrieve-env-group-env-var': () => ({}),
  'update-env-group-env-var': () => ({ body: { value: 'another' } }),
  'delete-env-group-env-var': () => ({}),
  'retrieve-env-group-secret-file': () => ({}),
  'update-env-group-secret-file': () => ({ body: { content: 'another' } }),
  'delete-env-group-secret-file': () => ({}),
  'list-webhooks': () => ({}),
  'create-webhook': ({ params }) => ({
    body: {
      ownerId: params.ownerId,
      url: 'https://example.com/2',
      name: 'second',
      enabled: false,
      eventFilter: ['job_run_ended'],
    },
  }),
  'retrieve-webhook': () => ({}),
  'update-webhook': () => ({ body: { enabled: false } }),
  'delete-webhook': () => ({}),
  'list-webhook-events': () => ({}),
  'list-keys': () => ({}),
  'create-key': () => ({ body: { name: 'more', role: 'developer' } }),
  'prove-server': () => ({ query: { nonce: '0123456789abcdef'.repeat(4) } }),
  'revoke-key': () => ({}),
  'list-workspaces': () => ({}),
  'create-workspace': () => ({ body: { name: 'third' } }),
  'list-audit-entries': () => ({}),
  'job-by-id': () => ({}),
  'wait-for-job': () => ({ query: { timeoutSeconds: 1 } }),
  'stream-logs': ({ params }) => ({ query: { ownerId: params.ownerId, resource: [params.jobId] } }),
  'get-active-connections': () => ({}),
  'get-bandwidth': () => ({}),
  'get-bandwidth-sources': () => ({}),
  'get-cpu-target': () => ({}),
  'get-disk-capacity': () => ({}),
  'get-disk-usage': () => ({}),
  'get-http-latency': () => ({}),
  'get-http-requests': () => ({}),
  'get-instance-count': () => ({}),
  'get-memory-target': () => ({}),
  'get-replication-lag': () => ({}),
  'get-task-runs-completed': () => ({}),
  'get-task-runs-queued': () => ({}),
  'list-application-filter-values': () => ({}),
  'list-http-filter-values': () => ({}),
  'list-path-filter-values': () => ({}),
  'list-postgres': () => ({}),
  'retrieve-postgres': () => ({}),
  'list-key-value': () => ({}),
  'retrieve-key-value': () => ({}),
  'list-redis': () => ({}),
  'retrieve-redis': () => ({}),
  'list-workflows': () => ({}),
  'retrieve-workflows': () => ({}),
  'list-blueprints': () => ({}),
  'retrieve-blueprints': () => ({}),
};

/** A service whose repository takes a token, and is nowhere. */
async function httpsService(client: ContractClient, ownerId: string): Promise<string> {
  const body = webService(ownerId, fresh('private'), 'https://git.invalid/team/app.git');
  return (await client.ok('create-service', { body })).service!.id;
}

/** The order in which all operations can be carried out on one world: what others need goes last. */
export function inOrder(ids: readonly OperationId[]): OperationId[] {
  const last: OperationId[] = [
    'delete-env-var',
    'delete-secret-file',
    'delete-env-group-env-var',
    'delete-env-group-secret-file',
    'unlink-service-from-env-group',
    'delete-env-group',
    'delete-disk',
    'delete-custom-domain',
    'delete-autoscaling-config',
    'remove-resources-from-environment',
    'delete-environment',
    'delete-project',
    'delete-registry-credential',
    'delete-webhook',
    'delete-owner-log-stream',
    'delete-resource-log-stream',
    'cancel-cron-job-run',
    'revoke-key',
    'delete-service',
  ];
  return [...ids.filter((id) => !last.includes(id)), ...last.filter((id) => ids.includes(id))];
}

/** Carries out an operation in the world with the given client. */
export async function callIn(
  world: World,
  id: OperationId,
  path: string,
  client: ContractClient = world.client,
): Promise<Answer> {
  const plan = await callPlans[id](world);
  return client.call(id, { ...plan, params: plan.params ?? paramsOf(world, path) } as never);
}
