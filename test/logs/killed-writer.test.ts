import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { FileLogStore } from '../../src/logs/file-store.ts';
import { newId } from '../../src/shared/ids.ts';
import { readAll } from '../support/log-records.ts';

const PROGRAM = fileURLToPath(new URL('../fixtures/programs/appends-lines.ts', import.meta.url));
const KILLS = 100;

it(`loses no stored line and has none twice after ${KILLS} kills of the writer`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'errand-logs-'));
  const job = newId('job');
  try {
    let next = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const writer = spawn(process.execPath, [PROGRAM, folder, job, String(next)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let printed = '';
      const lines = 1 + ((kill * 37) % 100);
      writer.stdout.on('data', (chunk: Buffer) => {
        printed += chunk;
        if (printed.split('\n').length > lines) writer.kill('SIGKILL');
      });
      await once(writer, 'close');
      const stored = printed.split('\n').slice(0, -1).map(Number);
      expect(stored).toEqual(stored.map((_, index) => next + index));
      next += stored.length;
      // The one that was under way may have been stored, in part or as a whole; a next writer must not repeat it.
      next++;
    }
    const store = new FileLogStore(folder, { nowMs: () => Date.now() });
    const { lines } = await readAll(store, { resources: [job], limit: 1000 });
    const numbers = lines.map((line) => Number(/^line (\d+) x*$/.exec(line.message)?.[1]));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    // All but those that were under way at a kill.
    expect(numbers.length).toBeGreaterThanOrEqual(next - KILLS);
    expect(numbers.length).toBeLessThanOrEqual(next);
    for (const [index, line] of lines.entries()) expect(line.sequence).toBe(index);
    await store.close();
  } finally {
    await rm(folder, { recursive: true });
  }
}, 120_000);
