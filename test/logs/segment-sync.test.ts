import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startLogSyncLoop } from '../../src/background/log-maintenance.ts';
import type { Context } from '../../src/context.ts';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { SystemClock } from '../../src/shared/clock.ts';
import { newId } from '../../src/shared/ids.ts';
import type { Logger } from '../../src/shared/logger.ts';
import { eventually } from '../support/eventually.ts';
import { record } from '../support/log-records.ts';

let folder: string;
let store: FileLogStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-logs-'));
  store = new FileLogStore(folder, new SystemClock());
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A segment that a supervisor may write to. */
const segment = (job = newId('job')): Promise<string> => store.segmentFile(job, 'output');
/** A path that leads nowhere: whatever is done with it fails. */
function breakSegment(file: string): void {
  rmSync(file, { force: true });
  symlinkSync(file, file);
}

const openFiles = (): string[] => readdirSync('/proc/self/fd');

describe('a pass over growing output', () => {
  it('syncs what grew since the last one, and nothing else', async () => {
    const [first, second] = [await segment(), await segment()];
    expect(await store.syncGrowing()).toEqual({ synced: 0, failed: [] });
    appendFileSync(first, record(1, 'one'));
    appendFileSync(second, record(1, 'one'));
    expect(await store.syncGrowing()).toEqual({ synced: 2, failed: [] });
    expect(await store.syncGrowing()).toEqual({ synced: 0, failed: [] });
    appendFileSync(second, record(2, 'two'));
    expect(await store.syncGrowing()).toEqual({ synced: 1, failed: [] });
  });

  it('keeps no file open', async () => {
    const files = await Promise.all(Array.from({ length: 50 }, () => segment()));
    await store.syncGrowing();
    const before = openFiles().length;
    for (const file of files) appendFileSync(file, record(1, 'one'));
    expect(await store.syncGrowing()).toMatchObject({ synced: 50 });
    expect(openFiles().length).toBeLessThanOrEqual(before + 10);
  });

  it('has the lines of the server itself, as a build has them before its command', async () => {
    const service = newId('srv');
    await store.append(service, 'dep-1', 'stdout', '==> Cloning');
    expect(await store.syncGrowing()).toEqual({ synced: 1, failed: [] });
  });

  it('leaves a complete segment alone, which is synced by itself', async () => {
    const job = newId('job');
    appendFileSync(await segment(job), record(1, 'one'));
    await store.complete(job, 'output');
    await store.sync(job, 'output');
    expect(await store.syncGrowing()).toEqual({ synced: 0, failed: [] });
  });

  it('names what cannot be synced, syncs the others, and tries it again', async () => {
    const [broken, whole] = [await segment(), await segment()];
    breakSegment(broken);
    appendFileSync(whole, record(1, 'one'));
    const { synced, failed } = await store.syncGrowing();
    expect(synced).toBe(1);
    expect(failed).toEqual([
      { segment: broken.slice(folder.length + 1), error: expect.stringMatching(/ELOOP/) },
    ]);
    rmSync(broken);
    writeFileSync(broken, record(1, 'one'));
    expect(await store.syncGrowing()).toEqual({ synced: 1, failed: [] });
  });

  it('has a thread for as long as there is something that may grow', async () => {
    const threads = (): string[] =>
      readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim());
    const job = newId('job');
    appendFileSync(await segment(job), record(1, 'one'));
    await store.syncGrowing();
    expect(threads()).toContain('output-to-disk');
    await store.complete(job, 'output');
    for (let pass = 0; pass < 10; pass++) await store.syncGrowing();
    expect(threads()).not.toContain('output-to-disk');
    const again = await segment();
    appendFileSync(again, record(1, 'one'));
    expect(await store.syncGrowing()).toEqual({ synced: 1, failed: [] });
  });

  it('passes over a segment that is not there yet, or not any more', async () => {
    const file = await segment();
    appendFileSync(file, record(1, 'one'));
    await store.syncGrowing();
    rmSync(file);
    expect(await store.syncGrowing()).toEqual({ synced: 0, failed: [] });
  });
});

it('one segment is synced when it is asked for, whether it is there or not', async () => {
  const job = newId('job');
  await store.sync(job, 'output');
  const file = await segment(job);
  appendFileSync(file, record(1, 'one'));
  await store.sync(job, 'output');
  breakSegment(file);
  await expect(store.sync(job, 'output')).rejects.toThrow(/ELOOP/);
});

it('a failure is told once for as long as it lasts', async () => {
  const lines: string[] = [];
  // The log itself tells what repeats once a minute; here it is to tell everything that it is told.
  const logger: Logger = {
    info: () => undefined,
    warn: () => undefined,
    error: (message, _error, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`),
  };
  const told = (file: string): number =>
    lines.filter((line) => line.includes(file.split('/').at(-2)!)).length;
  const [first, second] = [await segment(), await segment()];
  const loop = startLogSyncLoop({ logStore: store, logger } as unknown as Context);
  try {
    breakSegment(first);
    loop.nudge();
    await eventually(() => told(first) === 1);
    breakSegment(second);
    loop.nudge();
    await eventually(() => told(second) === 1);
    expect(told(first)).toBe(1);
    rmSync(first);
    rmSync(second);
    const third = await segment();
    breakSegment(third);
    loop.nudge();
    await eventually(() => told(third) === 1);
    breakSegment(first);
    loop.nudge();
    await eventually(() => told(first) === 2);
    expect(told(second)).toBe(1);
  } finally {
    await loop.stop();
  }
});
