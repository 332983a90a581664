/** Segments of supervisors that go on while the disk is full. On a small file system of its own, which needs root. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { newId } from '../../src/shared/ids.ts';

const MARK = '[the disk was full: output may be missing here]';
let mount: string;
let store: FileLogStore;
let job: string;
let file: string;
let second = 0;

beforeEach(async () => {
  mount = mkdtempSync(join(tmpdir(), 'errand-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
  store = new FileLogStore(join(mount, 'logs'), { nowMs: () => Date.parse('2026-01-01T01:00:00Z') });
  job = newId('job');
  file = await store.segmentFile(job, 'output');
});
afterEach(async () => {
  await store.close();
  execFileSync('umount', [mount]);
  rmSync(mount, { recursive: true, force: true });
});

/** As a supervisor does it: what does not fit is dropped, and the next is tried all the same. */
function print(message: string): void {
  second += 1;
  const time = new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString().replace('Z', '000000+00:00');
  let bytes = Buffer.from(`${time} stdout F ${message}\n`);
  const open = openSync(file, 'a');
  try {
    while (bytes.length > 0) bytes = bytes.subarray(writeSync(open, bytes));
  } catch {
    // No room.
  } finally {
    closeSync(open);
  }
}

const stuffing = (): string => join(mount, 'stuffing');

function fill(): void {
  for (;;) {
    try {
      appendFileSync(stuffing(), Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}

async function messages(): Promise<string[]> {
  const { lines } = await store.query({
    resources: [job],
    startTime: '2026-01-01T00:00:00Z',
    endTime: '2026-01-02T00:00:00Z',
    direction: 'forward',
    limit: 1000,
  } as Parameters<typeof store.query>[0]);
  return lines.map(({ message }) => message);
}

test('what is printed while the disk is full is lost, and a line says so where it is missing', async () => {
  print('first');
  fill();
  store.noteFullDisk();
  print('x'.repeat(5000));
  print('lost');
  rmSync(stuffing());
  await store.markLosses();
  print('last');
  const all = await messages();
  expect(all[0]).toBe('first');
  // What fitted of the one that was cut.
  expect(all[1]).toMatch(/^x+$/);
  expect(all.slice(2)).toEqual([MARK, 'last']);
});

test('a job that printed nothing while the disk was full has no such line', async () => {
  print('first');
  fill();
  store.noteFullDisk();
  rmSync(stuffing());
  await store.markLosses();
  print('last');
  expect(await messages()).toEqual(['first', 'last']);
});

test('a job that ends while the disk is full says so in place of its last lines', async () => {
  for (let n = 0; n < 50; n += 1) print(`line ${n}`);
  fill();
  store.noteFullDisk();
  print('y'.repeat(5000));
  await store.complete(job, 'output');
  const all = await messages();
  expect(all.slice(0, 40)).toEqual(Array.from({ length: 40 }, (_, n) => `line ${n}`));
  expect(all.at(-1)).toBe(MARK);
  expect(readFileSync(file, 'utf8').endsWith(`${MARK}\n`)).toBe(true);
});
