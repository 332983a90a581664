/**
 * A real server with two workspaces and a key of every role, each behind a client that holds all answers to the
 * contract (see contract-client.ts). Jobs run without isolation: what is tested here is the API.
 */
import type { ServeFlags } from '../../src/config.ts';
import type { ServiceKind, ServicesTable } from '../../src/db/schema.ts';
import { newDetails } from '../../src/services/service-details.ts';
import { ContractClient } from './contract-client.ts';
import { ADMIN_KEY, TestServer } from './server.ts';

export interface TestApi {
  server: TestServer;
  workspaceId: string;
  /** A background worker with a live artifact. */
  serviceId: string;
  admin: ContractClient;
  developer: ContractClient;
  viewer: ContractClient;
  /** Sends no key. */
  stranger: ContractClient;
  /** An admin of another workspace, which has a service of its own. */
  foreign: ContractClient;
  foreignWorkspaceId: string;
  foreignServiceId: string;
  client(key: string): ContractClient;
  /** Another service with a live artifact, with details as the API stores them. */
  seed(overrides?: Partial<ServicesTable>): Promise<string>;
  close(): Promise<void>;
}

export async function startApi(flags: ServeFlags = {}): Promise<TestApi> {
  const server = await TestServer.start({ executor: 'process', ...flags });
  const client = (key?: string): ContractClient => new ContractClient(() => server.running.app, key);
  const admin = client(ADMIN_KEY);
  const other = await admin.ok('create-workspace', { body: { name: 'Other', email: 'other@example.com' } });
  const developer = await admin.ok('create-key', { body: { name: 'dev', role: 'developer' } });
  const viewer = await admin.ok('create-key', { body: { name: 'view', role: 'viewer' } });
  const seed: TestApi['seed'] = (overrides = {}) =>
    server.seedService({}, { details: details(overrides.type ?? 'background_worker'), ...overrides });
  return {
    server,
    workspaceId: await server.workspaceId(),
    serviceId: await seed(),
    admin,
    developer: client(developer.key),
    viewer: client(viewer.key),
    stranger: client(),
    foreign: client(other.key),
    foreignWorkspaceId: other.workspace.id,
    foreignServiceId: await seed({ workspace_id: other.workspace.id }),
    seed,
    client,
    close: () => server.close(),
  };
}

function details(type: ServiceKind): string {
  const given = {
    runtime: 'node',
    envSpecificDetails: { buildCommand: 'true', startCommand: 'echo a run' },
    ...(type === 'cron_job' ? { schedule: '0 4 * * *' } : {}),
  };
  return JSON.stringify(newDetails(type, given, false));
}
