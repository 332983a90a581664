/** What is kept ready when the machine refuses: on a full disk for example, which is not to be had in a test. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SharedSpec } from '../../src/executors/local/spec.ts';
import { Standbys } from '../../src/executors/local/standbys.ts';

let folder: string;
const shared: SharedSpec = {
  environment: {},
  secretFiles: [],
  project: { kind: 'artifact', tree: '/missing' },
  workingDirectory: '',
  limits: { memoryBytes: 2 ** 26, cpuMillis: 1000, pids: 64 },
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-pool-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A supervisor that is ready at once. */
function start(at: string): ReturnType<ConstructorParameters<typeof Standbys>[1]['start']> {
  mkdirSync(at, { recursive: true });
  return {
    name: at,
    isLaunched: true,
    isLost: false,
    launched: Promise.resolve(),
    say: () => undefined,
    report: () => ({ state: 'none' }),
    complaint: () => '',
    release: () => undefined,
  };
}

test('a snapshot of which no instance can be made is not tried again before its next job', async () => {
  let tries = 0;
  const standbys = new Standbys(folder, {
    start,
    make: () => {
      tries += 1;
      throw new Error('no space left on device');
    },
    isAlive: () => true,
    discard: async () => undefined,
    remove: async () => undefined,
  });
  standbys.open();
  standbys.noteUse('key', shared);
  for (let count = 0; count < 5; count += 1) standbys.refill();
  expect(tries).toBe(1);
  standbys.noteUse('key', shared);
  standbys.refill();
  expect(tries).toBe(2);
  await standbys.close();
});

test('the pool is closed when all that was to be removed is gone', async () => {
  const { promise: removed, resolve } = Promise.withResolvers<void>();
  let alive = true;
  const standbys = new Standbys(folder, {
    start,
    make: () => undefined,
    isAlive: () => alive,
    discard: () => (alive ? Promise.resolve() : removed),
    remove: async () => undefined,
  });
  standbys.open();
  alive = false;
  // Starts others in place of those that died; the others are alive.
  standbys.refill();
  alive = true;
  let isClosed = false;
  const closed = standbys.close().then(() => {
    isClosed = true;
  });
  await new Promise((next) => setImmediate(next));
  expect(isClosed).toBe(false);
  resolve();
  await closed;
});
