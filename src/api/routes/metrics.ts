import type { Context } from '../../context.ts';
import { invalid, quote } from '../../errors.ts';
import { type Aggregation, type Measure, readMetrics, type Series } from '../../jobs/metrics.ts';
import { getJob } from '../../jobs/read-jobs.ts';
import { findService } from '../../services/resolve-service.ts';
import { formatMicros, parseMicros } from '../../shared/clock.ts';
import { isId } from '../../shared/ids.ts';
import type { TimeSeries } from '../contract-types.ts';
import type { Caller, OperationRegistry } from '../operations.ts';
import { readInstant } from '../time.ts';

const DEFAULT_RANGE_MS = 3_600_000;
const DEFAULT_RESOLUTION_SECONDS = 60;
const MAX_RESOLUTION_SECONDS = 24 * 3600;
const UNITS: Record<Measure, string> = {
  cpu: 'cpu',
  'cpu-limit': 'cpu',
  memory: 'bytes',
  'memory-limit': 'bytes',
};

interface MetricsParameters {
  startTime?: string;
  endTime?: string;
  resolutionSeconds?: number;
  resource?: string;
  service?: string;
  instance?: string;
  aggregationMethod?: Aggregation;
}

/** Metrics of jobs' instances; an instance goes by the id of its job. */
export function metricsRoutes(operations: OperationRegistry, context: Context): void {
  const answer = async (
    measure: Measure,
    query: MetricsParameters,
    caller: Caller,
  ): Promise<TimeSeries[]> => {
    const resources = await readResources(context, query, caller);
    const series = await readMetrics(context, caller.workspaceId, {
      measure,
      resources,
      ...readRange(context, query),
      resolutionSeconds: readResolution(query.resolutionSeconds),
      aggregation: query.aggregationMethod ?? 'AVG',
    });
    return series.map((one) => present(measure, one));
  };
  operations.add('get-cpu', ({ query, caller }) => answer('cpu', query, caller));
  operations.add('get-cpu-limit', ({ query, caller }) => answer('cpu-limit', query, caller));
  operations.add('get-memory', ({ query, caller }) => answer('memory', query, caller));
  operations.add('get-memory-limit', ({ query, caller }) => answer('memory-limit', query, caller));
}

/** @throws `notFound` for what the workspace has not, `invalidRequest` when nothing is named */
async function readResources(
  context: Context,
  { resource, service, instance }: MetricsParameters,
  { workspaceId }: Caller,
): Promise<string[]> {
  const ids = [resource, service, instance].filter((id) => id !== undefined);
  if (ids.length === 0) throw invalid('one of the query parameters resource, service, instance is required');
  for (const id of ids) {
    if (isId(id, 'job')) await getJob(context, workspaceId, id);
    else await findService(context.database.read, workspaceId, id);
  }
  return ids;
}

function readRange(context: Context, query: MetricsParameters): { startTime: string; endTime: string } {
  const endTime = readInstant('endTime', query.endTime) ?? context.clock.now();
  const startTime =
    readInstant('startTime', query.startTime) ??
    formatMicros(Math.max(0, parseMicros(endTime) - DEFAULT_RANGE_MS * 1000));
  if (startTime > endTime) {
    throw invalid(`startTime must not be after endTime, got ${quote(startTime)} and ${quote(endTime)}`);
  }
  return { startTime, endTime };
}

function readResolution(seconds: number = DEFAULT_RESOLUTION_SECONDS): number {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_RESOLUTION_SECONDS) {
    throw invalid(
      `query parameter resolutionSeconds must be a whole number from 1 to ${MAX_RESOLUTION_SECONDS}, got ${seconds}`,
    );
  }
  return seconds;
}

function present(measure: Measure, { serviceId, jobId, values }: Series): TimeSeries {
  return {
    labels: [
      { field: 'resource', value: serviceId },
      { field: 'service', value: serviceId },
      { field: 'instance', value: jobId },
    ],
    values,
    unit: UNITS[measure],
  };
}
