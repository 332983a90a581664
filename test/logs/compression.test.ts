import { appendFile, chmod, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';
import { ALL, readAll, record } from '../support/log-records.ts';

let folder: string;
let store: FileLogStore;
let job: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-logs-'));
  store = new FileLogStore(folder, new SystemClock());
  job = newId('job');
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

/** Lines over several blocks, with parts of the other stream pending across their borders. */
async function writeMuch(resource: string): Promise<string> {
  const file = await store.segmentFile(resource, 'output');
  const parts: string[] = [];
  for (let n = 0; n < 20_000; n++) {
    parts.push(record(Math.floor(n / 100), `line ${n} ${'abcdefgh'.repeat(n % 13)}`));
    if (n % 3000 === 0) parts.push(record(Math.floor(n / 100), `part ${n} `, 'stderr', 'P'));
  }
  await appendFile(file, parts.join('') + record(300, 'torn record').slice(0, -3));
  return file;
}

describe('compression', () => {
  it('changes nothing that a reader sees', async () => {
    const file = await writeMuch(job);
    const raw = await readFile(file);
    await store.complete(job, 'output');
    const before = await readAll(store, { resources: [job], limit: 1000 });
    const lastBefore = await store.lastTimestamp(job, 'output');
    const following = store.follow({
      resources: [job],
      startOf: () => ({ seconds: 0, nanos: 0 }),
      untilFinal: async () => {},
      signal: new AbortController().signal,
    });
    const reader = following[Symbol.asyncIterator]();
    const followed = [...((await reader.next()).value ?? [])];

    expect(await store.maintain({})).toEqual({ compressed: 1, removed: 0 });
    expect(await readdir(dirname(file))).toEqual(['output.log.zst']);
    expect((await stat(`${file}.zst`)).size).toBeLessThan(raw.length / 4);

    for (let round = 0; round < 2; round++) {
      expect((await readAll(store, { resources: [job], limit: 1000 })).lines).toEqual(before.lines);
      const backward = await readAll(store, { resources: [job], limit: 999, direction: 'backward' });
      expect(backward.lines.reverse()).toEqual(before.lines);
      expect(await store.lastTimestamp(job, 'output')).toBe(lastBefore);
      const { timestamp } = before.lines[12_345]!;
      const one = await readAll(store, { resources: [job], startTime: timestamp, endTime: timestamp });
      expect(one.lines).toEqual([before.lines[12_345]]);
      // Once as the process knows it, once as a new one finds it.
      await store.close();
      store = new FileLogStore(folder, new SystemClock());
    }
    for (let next = await reader.next(); !next.done; next = await reader.next()) followed.push(...next.value);
    expect(followed).toEqual(before.lines);
    expect(before.lines.at(-1)!.message).toContain('part 18000');
    expect(before.lines.map((line) => line.message)).toContain('torn reco');
  });

  it('leaves segments alone that are small or still written to', async () => {
    await writeMuch(job);
    const small = newId('job');
    await store.append(small, 'output', 'stdout', 'one line');
    await store.complete(small, 'output');
    expect(await store.maintain({})).toEqual({ compressed: 0, removed: 0 });
  });

  it('finds what an earlier process left complete, and finishes what one left half done', async () => {
    const file = await writeMuch(job);
    await store.complete(job, 'output');
    const { lines } = await readAll(store, { resources: [job], limit: 1000 });
    await writeFile(`${file}.zst.tmp`, 'half of it');
    store = new FileLogStore(folder, new SystemClock());
    expect(await store.maintain({})).toEqual({ compressed: 1, removed: 0 });
    expect(await readdir(dirname(file))).toEqual(['output.log.zst']);
    expect((await readAll(store, { resources: [job], limit: 1000 })).lines).toEqual(lines);
  });

  it('reads a segment whose two forms are both there once', async () => {
    const file = await writeMuch(job);
    await store.complete(job, 'output');
    const raw = await readFile(file);
    const { lines } = await readAll(store, { resources: [job], limit: 1000 });
    await store.maintain({});
    await writeFile(file, raw);
    await chmod(file, 0o440);
    store = new FileLogStore(folder, new SystemClock());
    expect((await readAll(store, { resources: [job], limit: 1000 })).lines).toEqual(lines);
  });
});

describe('retention', () => {
  const DAY_MS = 86_400_000;

  /** A complete segment whose last line is some days old. */
  async function aged(days: number, bytes: number): Promise<string> {
    const id = newId('job');
    const file = await store.segmentFile(id, 'output');
    await writeFile(file, record(1, 'x'.repeat(bytes)));
    await store.complete(id, 'output');
    const then = (Date.now() - days * DAY_MS) / 1000;
    await utimes(file, then, then);
    return id;
  }
  const hasLines = async (id: string) =>
    (await store.query({ resources: [id], ...ALL, direction: 'forward', limit: 1 })).lines.length === 1;

  it('removes complete segments by age, compressed or not, and nothing that is written to', async () => {
    const [old, oldLarge, young] = [await aged(31, 10), await aged(40, 50_000), await aged(29, 10)];
    const live = newId('job');
    const file = await store.segmentFile(live, 'output');
    await writeFile(file, record(1, 'still running'));
    await utimes(file, 0, 0);
    expect(await store.maintain({})).toEqual({ compressed: 1, removed: 0 });
    expect(await store.maintain({ maxAgeMs: 30 * DAY_MS })).toEqual({ compressed: 0, removed: 2 });
    expect(await Promise.all([old, oldLarge, young, live].map(hasLines))).toEqual([false, false, true, true]);
    expect(await store.lastTimestamp(old, 'output')).toBeUndefined();
  });

  it('removes the oldest while all together are too large', async () => {
    const ids = [await aged(3, 8000), await aged(2, 8000), await aged(1, 8000)];
    expect(await store.maintain({ maxBytes: 17_000 })).toEqual({ compressed: 0, removed: 1 });
    expect(await Promise.all(ids.map(hasLines))).toEqual([false, true, true]);
  });
});
