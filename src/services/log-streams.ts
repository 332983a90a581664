/** Where a workspace's output is forwarded to. Tokens are sealed with their row and never shown. */
import type { Context } from '../context.ts';
import type { Page } from '../db/queries/conditions.ts';
import { removeFeed } from '../db/queries/log-shipments.ts';
import {
  findLogStream,
  findOverride,
  findStreamState,
  forwardingWorkspaces,
  putLogStream,
  putOverride,
  removeLogStream,
  removeOverride,
  selectEndpoints,
  selectOverrides,
} from '../db/queries/log-streams.ts';
import type {
  LogStreamOverridesTable,
  LogStreamSetting,
  LogStreamStatesTable,
  LogStreamsTable,
} from '../db/schema.ts';
import { invalid, notFound, quote } from '../errors.ts';
import { isRefusedHost } from '../shared/addresses.ts';
import { findService } from './resolve-service.ts';

export type LogStream = LogStreamsTable & { state: LogStreamStatesTable | undefined };
export type LogStreamOverride = LogStreamOverridesTable;

const MAX_TOKEN = 1000;

/** @throws `notFound` unless the workspace is the caller's and has a stream */
export async function getLogStream(
  context: Context,
  workspaceId: string,
  ownerId: string,
): Promise<LogStream> {
  const stream = ownerId === workspaceId ? await findLogStream(context.database.read, ownerId) : undefined;
  if (!stream) throw notFound(ownerId);
  const state = await findStreamState(context.database.read, ownerId, stream.endpoint);
  return { ...stream, state };
}

/** @throws `notFound` for another workspace, `invalidRequest` for an endpoint that is none */
export async function setLogStream(
  context: Context,
  workspaceId: string,
  ownerId: string,
  input: { endpoint?: string | undefined; token?: string | undefined; preview: LogStreamSetting },
): Promise<LogStream> {
  if (ownerId !== workspaceId) throw notFound(ownerId);
  const endpoint = input.endpoint ?? '';
  // An empty endpoint turns forwarding off and keeps the rest.
  if (endpoint !== '') checkEndpoint(context, endpoint);
  const now = context.clock.now();
  await context.database.write(async (trx) => {
    await putLogStream(trx, {
      workspace_id: ownerId,
      endpoint,
      token_sealed: sealToken(context, ownerId, input.token),
      preview: input.preview,
      created_at: now,
      updated_at: now,
    });
    await forgetUnlessUsed(trx, ownerId);
  });
  return getLogStream(context, workspaceId, ownerId);
}

/** @throws `notFound` unless the workspace is the caller's and has a stream */
export async function deleteLogStream(context: Context, workspaceId: string, ownerId: string): Promise<void> {
  await context.database.write(async (trx) => {
    if (ownerId !== workspaceId || !(await removeLogStream(trx, ownerId))) throw notFound(ownerId);
    await forgetUnlessUsed(trx, ownerId);
  });
}

/** @throws `notFound` when the resource is not the caller's, or has no setting of its own */
export async function getOverride(
  context: Context,
  workspaceId: string,
  resourceId: string,
): Promise<LogStreamOverride> {
  const override = await findOverride(context.database.read, workspaceId, resourceId);
  if (!override) throw notFound(resourceId);
  return override;
}

export async function listOverrides(
  context: Context,
  workspaceId: string,
  filter: { resourceIds?: string[] | undefined; settings?: LogStreamSetting[] | undefined },
  page: Page,
): Promise<LogStreamOverride[]> {
  return selectOverrides(context.database.read, workspaceId, filter, page);
}

/** @throws `notFound` for a service that is not the caller's, `invalidRequest` for what does not go together */
export async function setOverride(
  context: Context,
  workspaceId: string,
  resourceId: string,
  input: { setting: LogStreamSetting; endpoint?: string | undefined; token?: string | undefined },
): Promise<LogStreamOverride> {
  const { setting, endpoint = '' } = input;
  if (setting === 'send' && endpoint === '')
    throw invalid('body field endpoint is required with setting send');
  if (setting === 'drop' && endpoint !== '')
    throw invalid('body field endpoint must not be given with setting drop');
  if (setting === 'send') checkEndpoint(context, endpoint);
  const now = context.clock.now();
  await context.database.write(async (trx) => {
    await findService(trx, workspaceId, resourceId);
    await putOverride(trx, {
      resource_id: resourceId,
      workspace_id: workspaceId,
      setting,
      endpoint: setting === 'send' ? endpoint : null,
      token_sealed: setting === 'send' ? sealToken(context, resourceId, input.token) : null,
      created_at: now,
      updated_at: now,
    });
    await forgetUnlessUsed(trx, workspaceId);
  });
  return getOverride(context, workspaceId, resourceId);
}

/** @throws `notFound` when the resource is not the caller's, or has no setting of its own */
export async function deleteOverride(
  context: Context,
  workspaceId: string,
  resourceId: string,
): Promise<void> {
  await context.database.write(async (trx) => {
    if (!(await removeOverride(trx, workspaceId, resourceId))) throw notFound(resourceId);
    await forgetUnlessUsed(trx, workspaceId);
  });
}

/** Where the lines of a service go. */
export interface Destination {
  endpoint: string;
  token: string | undefined;
}

/** For each service of a workspace its destination; undefined for lines that are not forwarded. */
export async function destinationsOf(
  context: Context,
  workspaceId: string,
): Promise<(serviceId: string) => Destination | undefined> {
  const { read } = context.database;
  const [stream, overrides] = await Promise.all([
    findLogStream(read, workspaceId),
    selectOverrides(read, workspaceId),
  ]);
  const open = (owner: string, endpoint: string | null, sealed: string | null): Destination | undefined =>
    endpoint
      ? { endpoint, token: sealed ? context.vault.open(sealed, boundTo(owner)) : undefined }
      : undefined;
  const common = stream && open(workspaceId, stream.endpoint, stream.token_sealed);
  const own = new Map(
    overrides.map((one) => [one.resource_id, open(one.resource_id, one.endpoint, one.token_sealed)]),
  );
  return (serviceId) => (own.has(serviceId) ? own.get(serviceId) : common);
}

/** What waited for a destination that is gone would come as a surprise at the next. */
async function forgetUnlessUsed(
  trx: Parameters<Parameters<Context['database']['write']>[0]>[0],
  workspaceId: string,
): Promise<void> {
  const used = await forwardingWorkspaces(trx);
  if (!used.includes(workspaceId)) await removeFeed(trx, workspaceId);
}

function checkEndpoint({ config }: Context, endpoint: string): void {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]{1,253}):(\d{1,5})$/.exec(endpoint);
  const port = Number(match?.[2]);
  if (!match || port < 1 || port > 65_535) {
    throw invalid(
      `body field endpoint must be host:port, such as logs.example.com:6514, got ${quote(endpoint)}`,
    );
  }
  if (isRefusedHost(config.destinations.deliveries, match[1]!)) {
    throw invalid(
      `body field endpoint must be at an address that this server connects to, got ${quote(endpoint)}; ` +
        'private addresses, its own machine and its link need --allow-private-destinations',
    );
  }
}

/** Host and port of every receiver that is set up, of all workspaces, with what it is set up for. */
export async function allEndpoints(
  context: Pick<Context, 'database'>,
): Promise<{ owner: string; host: string }[]> {
  const rows = await selectEndpoints(context.database.read);
  return rows.map(({ owner, endpoint }) => ({ owner, host: endpoint.replace(/:\d+$/, '') }));
}

const boundTo = (owner: string): string => `log-stream/${owner}`;

function sealToken(context: Context, owner: string, token: string | undefined): string | null {
  if (!token) return null;
  if (token.length > MAX_TOKEN)
    throw invalid(`body field token may have ${MAX_TOKEN} characters, got ${token.length}`);
  return context.vault.seal(token, boundTo(owner));
}
