import { execFileSync } from 'node:child_process';
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';
import { readAll, record } from '../support/log-records.ts';

const LIMIT = 100_000;
let folder: string;
let store: FileLogStore;
let job: string;

const openStore = () => new FileLogStore(folder, new SystemClock(), { segmentBytes: LIMIT });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-logs-'));
  store = openStore();
  job = newId('job');
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const messages = async () =>
  (await readAll(store, { resources: [job], limit: 1000 })).lines.map((line) => line.message);

/** Lines of 100 bytes in records of 136. */
const flood = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => record(1, String(from + n).padEnd(100, '.'))).join('');
/** Records that begin within the limit. */
const KEPT = Math.ceil(LIMIT / record(1, '.'.repeat(100)).length);

describe('the output limit of a job', () => {
  it('keeps what is within it, and ends in one line that tells how many bytes were dropped', async () => {
    const file = await store.segmentFile(job, 'output');
    await appendFile(file, flood(0, 20_000));
    expect(await messages()).toHaveLength(KEPT);
    await store.complete(job, 'output');
    const all = await messages();
    expect(all.slice(0, -1).map(Number.parseFloat)).toEqual(Array.from({ length: KEPT }, (_, n) => n));
    expect(all.at(-1)).toBe(
      `[output limit of ${LIMIT} bytes reached: ${(20_000 - KEPT) * 100} bytes dropped]`,
    );
    expect((await stat(file)).size).toBeLessThan(LIMIT + 500);
  });

  it('gives the room back while the job still writes, counts each byte once, also over a restart', async () => {
    const file = await store.segmentFile(job, 'output');
    for (let n = 0; n < 30_000; n += 3000) {
      await appendFile(file, flood(n, n + 3000));
      // A record that is not there as a whole yet, at any place of it.
      const next = flood(n + 3000, n + 3001);
      if (n % 6000 === 0) await appendFile(file, next.slice(0, 10 + n / 600));
      await store.enforceLimits();
      if (n % 6000 === 0) await appendFile(file, next.slice(10 + n / 600));
      if (n === 15_000) {
        await store.close();
        store = openStore();
        await store.maintain({});
      }
      expect(await messages()).toHaveLength(KEPT);
    }
    const { size, blocks } = await stat(file);
    expect(size).toBeGreaterThan(4_000_000);
    expect(blocks * 512).toBeLessThan(LIMIT + 500_000);
    await store.complete(job, 'output');
    await store.complete(job, 'output');
    const dropped = (30_000 + 5 - KEPT) * 100;
    expect((await messages()).at(-1)).toBe(
      `[output limit of ${LIMIT} bytes reached: ${dropped} bytes dropped]`,
    );
    expect(await messages()).toHaveLength(KEPT + 1);
  });

  it('holds for a line without an end', async () => {
    const file = await store.segmentFile(job, 'output');
    for (let n = 0; n < 100; n++) await appendFile(file, record(1, 'z'.repeat(8000), 'stdout', 'P'));
    await store.complete(job, 'output');
    const all = await messages();
    const kept = all.join('').replaceAll(/\[.*?\]|[^z]/g, '').length;
    expect(all.at(-1)).toBe(`[output limit of ${LIMIT} bytes reached: ${800_000 - kept} bytes dropped]`);
    expect(kept).toBeLessThan(LIMIT + 8000);
  });

  it('changes nothing for a job that stays within it', async () => {
    await appendFile(await store.segmentFile(job, 'output'), flood(0, 100));
    await store.enforceLimits();
    await store.complete(job, 'output');
    expect(await messages()).toHaveLength(100);
  });
});

describe('on a full disk', () => {
  let mount: string;
  beforeEach(async () => {
    mount = await mkdtemp(join(tmpdir(), 'errand-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]);
  });
  afterEach(async () => {
    await store.close();
    execFileSync('umount', [mount]);
    await rm(mount, { recursive: true });
    store = openStore();
  });

  it('what is beyond the limit is given back although nothing else can be written', async () => {
    store = new FileLogStore(join(mount, 'logs'), new SystemClock(), { segmentBytes: LIMIT });
    const file = await store.segmentFile(job, 'output');
    await appendFile(file, flood(0, 20_000)).catch(() => undefined);
    await store.enforceLimits();
    expect((await stat(file)).blocks * 512).toBeLessThan(LIMIT + 10_000);
    await store.complete(job, 'output');
    expect((await messages()).at(-1)).toMatch(
      /^\[output limit of 100000 bytes reached: \d+ bytes dropped\]$/,
    );
  });
});
