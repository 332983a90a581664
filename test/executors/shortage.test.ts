/** What a server concludes of its jobs while it may not open another file: nothing. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, '../fixtures/programs/runs-out-of-descriptors.ts');

test('a job that ends while no file can be opened is found ended, and not lost', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'errand-shortage-'));
  try {
    mkdirSync(join(dataDir, 'tree'));
    // The limit is low so that the program reaches it soon; what it loads and watches needs a few dozen.
    const result = spawnSync(
      'prlimit',
      ['--nofile=256:256', '--', process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM, dataDir],
      { encoding: 'utf8' },
    );
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual({
      refusal: 'EMFILE',
      looks: ['EMFILE', 'EMFILE'],
      inspected: expect.stringMatching(/^(?:EMFILE|running)$/),
      end: {
        state: 'exited',
        startedAt: expect.any(String),
        exit: { exitCode: 7, oomKilled: false, finishedAt: expect.any(String) },
      },
    });
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
});
