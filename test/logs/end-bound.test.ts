import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { newId } from '../../src/shared/ids.ts';

const folder = mkdtempSync(join(tmpdir(), 'errand-logs-'));
const store = new FileLogStore(folder, { nowMs: () => Date.now() });
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A segment of `count` lines that all have the same time. */
async function segment(count: number): Promise<string> {
  const job = newId('job');
  const line = '2026-01-01T00:00:00.000000000+00:00 stdout F a line of a flood\n';
  writeFileSync(await store.segmentFile(job, 'output'), line.repeat(count));
  return job;
}

test('the end of a large output is bounded from its tail: not before its last line, nor much after', async () => {
  const job = await segment(100_000);
  const last = (await store.lastTimestamp(job, 'output'))!;
  const bound = (await store.endBound(job, 'output'))!;
  expect(last).toBe('2026-01-01T00:00:00.000099999Z');
  expect(bound >= last).toBe(true);
  expect(bound < '2026-01-01T00:00:00.000300000Z').toBe(true);
});

test('the end of a small output, and of none, is exact', async () => {
  const job = await segment(3);
  expect(await store.endBound(job, 'output')).toBe('2026-01-01T00:00:00.000000002Z');
  expect(await store.endBound(newId('job'), 'output')).toBeUndefined();
});
