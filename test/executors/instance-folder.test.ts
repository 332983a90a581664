/** Tickets of instances as the server reads them: decided once, and never by what somebody puts in their place. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InstanceFolders } from '../../src/executors/instance-folder.ts';

let dataDir: string;
let folders: InstanceFolders;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'errand-test-'));
  folders = new InstanceFolders(dataDir);
  folders.create('job-1');
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

test('a ticket that an instance took stays taken, whatever becomes of its file', () => {
  expect(folders.ticket('job-1')).toBeUndefined();
  writeFileSync(folders.ticketFile('job-1'), '');
  const taken = folders.ticket('job-1');
  expect(taken?.takenBy).toBe('instance');
  utimesSync(folders.ticketFile('job-1'), 1, 1);
  expect(folders.ticket('job-1')).toEqual(taken);
  rmSync(folders.ticketFile('job-1'));
  expect(folders.ticket('job-1')).toEqual(taken);
});

test('what is no file in the place of a ticket is not opened, and counts as taken', () => {
  mkdirSync(folders.ticketFile('job-1'));
  expect(folders.ticket('job-1')?.takenBy).toBe('instance');
  expect(folders.claim('job-1')).toBe(false);
});

test('a ticket that was claimed from outside is told from one that was taken', () => {
  expect(folders.claim('job-1')).toBe(true);
  expect(folders.ticket('job-1')).toEqual({ takenBy: 'claim' });
  expect(folders.claim('job-1')).toBe(false);
});

test('the file that a killed supervisor was about to make its record goes with the instance, and no other does', async () => {
  for (const name of ['job-1.Q3XW12', 'job-10.Q3XW12', 'job-2'])
    writeFileSync(join(folders.exitsFolder, name), '0');
  await folders.remove('job-1');
  expect(readdirSync(folders.exitsFolder).sort()).toEqual(['job-10.Q3XW12', 'job-2']);
});

test('what an instance wrote much of is gone from its place when the instance is removed', async () => {
  for (let n = 0; n < 600; n += 1) writeFileSync(join(folders.folder('job-1'), `f${n}`), '');
  await folders.remove('job-1');
  expect(folders.exists('job-1')).toBe(false);
});
