import type { Context } from '../../context.ts';
import { invalid, notFound } from '../../errors.ts';
import { OutputMasks } from '../../jobs/output-secrets.ts';
import { type LogResource, resolveLogResources } from '../../services/log-resources.ts';
import { readLiveRequest } from '../live-logs.ts';
import { serveLogEvents } from '../log-events.ts';
import {
  type FilterQuery,
  type LineFilter,
  labelOf,
  presentLine,
  readFilter,
  readRange,
} from '../log-filter.ts';
import { serveLogSocket } from '../log-socket.ts';
import type { OperationRegistry } from '../operations.ts';
import { pageLimit } from '../pagination.ts';
import { ShownLines } from '../shown-lines.ts';

/** The most values that a label can be asked for, and the most lines looked at for them. */
const MAX_VALUES = 1000;
const MAX_LINES_FOR_VALUES = 100_000;

/** Output of jobs and builds. Every request names its resources, and reads only their files. */
export function logRoutes(operations: OperationRegistry, context: Context): void {
  const masks = new OutputMasks(context);

  operations.add('list-logs', async ({ query, caller }) => {
    if (query.ownerId !== caller.workspaceId) throw notFound(query.ownerId);
    const resources = await resolveLogResources(context, caller.workspaceId, query.resource);
    const { shown, filter } = await readShownFilter(masks, resources, query);
    const page = await context.logStore.query({
      resources: resources.map((resource) => resource.id),
      ...readRange(query, context.clock.now()),
      direction: query.direction ?? 'backward',
      limit: pageLimit(query.limit),
      ...filter,
    });
    const byId = new Map(resources.map((resource) => [resource.id, resource]));
    return {
      hasMore: page.hasMore,
      nextStartTime: page.nextStartTime,
      nextEndTime: page.nextEndTime,
      logs: page.lines.map((line) => presentLine(shown.of(line), byId)),
    };
  });

  operations.add('list-logs-values', async ({ query, caller }) => {
    if (query.ownerId !== caller.workspaceId) throw notFound(query.ownerId);
    const limit = query.limit ?? MAX_VALUES;
    if (!Number.isInteger(limit) || limit < 1) {
      throw invalid(`query parameter limit must be a whole number from 1, got ${limit}`);
    }
    const resources = await resolveLogResources(context, caller.workspaceId, query.resource);
    const { shown, filter } = await readShownFilter(masks, resources, query);
    const values = new Set<string>();
    let seen = 0;
    await context.logStore.query({
      resources: resources.map((resource) => resource.id),
      ...readRange(query, context.clock.now()),
      direction: query.direction ?? 'backward',
      limit: 1,
      // Ends at the first line it keeps: lines are only looked at here, until enough was seen.
      keep: (line) => {
        if (!filter || filter.keep(line)) {
          const value = labelOf(query.label, shown.of(line));
          if (value !== undefined) values.add(value);
        }
        return ++seen >= MAX_LINES_FOR_VALUES || values.size >= Math.min(limit, MAX_VALUES);
      },
    });
    return [...values].sort();
  });

  operations.addSocket(
    'subscribe-logs',
    ({ query, caller }) => readLiveRequest(context, masks, caller.workspaceId, query),
    (socket, live, request, connection) => {
      const lease = operations.leaseFor(request);
      socket.once('close', lease.release);
      const until = AbortSignal.any([operations.stopping, lease.signal]);
      serveLogSocket(context, socket, connection, live, until);
    },
  );

  operations.add('stream-logs', async ({ query, caller, request, reply }) => {
    const { ownerId, resource } = query;
    if (ownerId === undefined) throw invalid('query parameter ownerId is required');
    if (resource === undefined) throw invalid('query parameter resource is required');
    const last = request.headers['last-event-id'];
    // A browser that connects again repeats its first query and says in the header how far it came.
    const after = typeof last === 'string' && last !== '' ? last : query.after;
    const wanted = { ...query, ownerId, resource, after };
    const live = await readLiveRequest(context, masks, caller.workspaceId, wanted);
    const lease = operations.leaseFor(request);
    try {
      const until = AbortSignal.any([operations.stopping, lease.signal]);
      await serveLogEvents(context, request, reply, live, until);
    } finally {
      lease.release();
    }
    return undefined;
  });
}

/** The filter of a request as a test for stored lines. It judges them as they are shown: it must not tell more. */
async function readShownFilter(
  masks: OutputMasks,
  resources: readonly LogResource[],
  query: FilterQuery,
): Promise<{ shown: ShownLines; filter: LineFilter | undefined }> {
  const asked = readFilter(query);
  const shown = new ShownLines(masks, resources);
  await shown.refresh();
  if (!asked || !shown.hidesSomething) return { shown, filter: asked };
  // What is stored need not contain what a hidden line is found by.
  return { shown, filter: { keep: (line) => asked.keep(shown.of(line)), contains: undefined } };
}
