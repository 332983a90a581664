import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CRASH_POINTS } from '../../src/shared/crash-points.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/recovery.md'), 'utf8');

test('docs/recovery.md has a row for each crash point, in the order in which a job meets them', () => {
  const rows = [...page.matchAll(/^\| `([\w-]+)` *\| ([^|]+) \| ([^|]+) \|$/gm)];
  expect(rows.map(([, point]) => point)).toEqual([...CRASH_POINTS]);
});
