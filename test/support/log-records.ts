/** Records as a supervisor writes them, and reading a store to its end. */
import type { LogPage, LogQuery, LogStore } from '../../src/logs/log-store.ts';

export const ALL = { startTime: '1970-01-01T00:00:00Z', endTime: '2999-01-01T00:00:00Z' };

/** A record of a supervisor. @param second offset from a fixed instant, with up to nine decimals */
export function record(second: number | string, message: string, stream = 'stdout', tag = 'F'): string {
  const [whole, decimals = ''] = String(second).split('.');
  const time = new Date(Date.UTC(2026, 0, 1) + Number(whole) * 1000).toISOString().slice(0, 19);
  return `${time}.${decimals.padEnd(9, '0')}+00:00 ${stream} ${tag} ${message}\n`;
}

/** The time of `record` as a query has it. */
export function at(second: number, nanos = 0): string {
  const time = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString().slice(0, 19);
  return `${time}.${String(nanos).padStart(9, '0')}Z`;
}

/** Follows the next times until there is no more. */
export async function readAll(store: LogStore, query: Partial<LogQuery> & { resources: string[] }) {
  const full: LogQuery = { ...ALL, direction: 'forward', limit: 100, ...query };
  const pages: LogPage[] = [];
  for (;;) {
    const page = await store.query(full);
    pages.push(page);
    if (!page.hasMore) return { pages, lines: pages.flatMap((one) => one.lines) };
    full.startTime = page.nextStartTime;
    full.endTime = page.nextEndTime;
  }
}
