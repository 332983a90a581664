/** Load over HTTP, the same for Errand and for bare servers. */
import autocannon from 'autocannon';
import { cpuMs } from './processes.ts';

export interface Load {
  /** The server's process. */
  pid: number;
  url: string;
  connections: number;
  seconds: number;
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: unknown;
}

export interface LoadResult {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Microseconds of CPU that the server spent for one request: what a loaded machine leaves comparable. */
  cpuUs: number;
}

/** @throws when an answer is not one of success */
export async function load({
  pid,
  url,
  connections,
  seconds,
  method,
  headers,
  body,
}: Load): Promise<LoadResult> {
  const cpuBefore = cpuMs(pid);
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: method ?? 'GET',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const bad = result.non2xx + result.errors + result.timeouts;
  if (bad > 0) throw new Error(`${url}: ${bad} of ${result.requests.total} requests failed`);
  return {
    perSecond: result['2xx'] / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    cpuUs: ((cpuMs(pid) - cpuBefore) * 1000) / result['2xx'],
  };
}
