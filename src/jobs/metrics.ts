/** Curves of what jobs' instances used, made from samples. */
import type { Context } from '../context.ts';
import { selectUsageSamples } from '../db/queries/usage-samples.ts';
import type { UsageSamplesTable } from '../db/schema.ts';
import { invalid } from '../errors.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import { isId } from '../shared/ids.ts';

/** What a curve shows. CPU is in CPUs, memory in bytes. */
export type Measure = 'cpu' | 'cpu-limit' | 'memory' | 'memory-limit';
export type Aggregation = 'AVG' | 'MAX' | 'MIN';

export interface MetricsQuery {
  measure: Measure;
  /** Ids of services or jobs. All that are given must hold. */
  resources: string[];
  startTime: string;
  endTime: string;
  /** Length of the steps into which samples are gathered. */
  resolutionSeconds: number;
  aggregation: Aggregation;
}

export interface Series {
  serviceId: string;
  jobId: string;
  values: { timestamp: string; value: number }[];
}

/** Samples read for one answer at most: about 12 hours of 100 jobs. */
const MAX_SAMPLES = 500_000;

const VALUE_OF: Record<Measure, (sample: UsageSamplesTable) => number> = {
  cpu: (sample) => sample.cpu_millis / 1000,
  'cpu-limit': (sample) => sample.cpu_limit_millis / 1000,
  memory: (sample) => sample.memory_bytes,
  'memory-limit': (sample) => sample.memory_limit_bytes,
};

/** One curve for each instance that has samples in the range. @throws `invalidRequest` when there are too many */
export async function readMetrics(
  context: Context,
  workspaceId: string,
  query: MetricsQuery,
): Promise<Series[]> {
  const filter = {
    startTime: query.startTime,
    endTime: query.endTime,
    serviceId: query.resources.find((id) => isId(id, 'srv', 'crn')),
    jobId: query.resources.find((id) => isId(id, 'job')),
  };
  const samples = await selectUsageSamples(context.database.read, workspaceId, filter, MAX_SAMPLES + 1);
  if (samples.length > MAX_SAMPLES) {
    throw invalid('the range holds too many samples: name an instance, or a shorter range');
  }
  const series = new Map<string, UsageSamplesTable[]>();
  for (const sample of samples) {
    const list = series.get(sample.job_id);
    if (list) list.push(sample);
    else series.set(sample.job_id, [sample]);
  }
  return [...series.values()].map((list) => ({
    serviceId: list[0]!.service_id,
    jobId: list[0]!.job_id,
    values: gather(list, query),
  }));
}

/** One value for each step that has samples, stamped with the step's begin. */
function gather(samples: UsageSamplesTable[], { measure, resolutionSeconds, aggregation }: MetricsQuery) {
  const stepMicros = resolutionSeconds * 1_000_000;
  const steps = new Map<number, number[]>();
  for (const sample of samples) {
    const micros = parseMicros(sample.at);
    const step = micros - (micros % stepMicros);
    const values = steps.get(step) ?? [];
    values.push(VALUE_OF[measure](sample));
    steps.set(step, values);
  }
  return [...steps].map(([step, values]) => ({
    timestamp: formatMicros(step),
    value: combine(values, aggregation),
  }));
}

function combine(values: number[], aggregation: Aggregation): number {
  if (aggregation === 'MAX') return Math.max(...values);
  if (aggregation === 'MIN') return Math.min(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
