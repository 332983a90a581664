import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isPopulated } from '../../src/executors/local/jobs-scope.ts';

let group: string;
beforeEach(() => {
  group = mkdtempSync(join(tmpdir(), 'errand-scope-'));
  writeFileSync(join(group, 'cgroup.procs'), '');
});
afterEach(() => rmSync(group, { recursive: true, force: true }));

test('a scope of cgroup v2 is in use by what is in the groups below it, though it has no process itself', () => {
  writeFileSync(join(group, 'cgroup.events'), 'populated 1\nfrozen 0\n');
  expect(isPopulated(group)).toBe(true);
  writeFileSync(join(group, 'cgroup.events'), 'populated 0\nfrozen 0\n');
  expect(isPopulated(group)).toBe(false);
});

test('a scope of cgroup v1 is in use by its own processes', () => {
  expect(isPopulated(group)).toBe(false);
  writeFileSync(join(group, 'cgroup.procs'), '4711\n');
  expect(isPopulated(group)).toBe(true);
});
