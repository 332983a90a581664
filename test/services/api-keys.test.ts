/** Keys by themselves; what they may do is in test/api/authorisation.test.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Context } from '../../src/context.ts';
import { type Database, openDatabase } from '../../src/db/open.ts';
import { addKey, checkKey, listKeys, revokeKey } from '../../src/services/api-keys.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { Secret } from '../../src/shared/secret.ts';
import { JumpingClock } from '../support/jumping-clock.ts';

const WORKSPACE = 'tea-00000000000000000000';
const KEY = 'erk_used-again-and-again';
let folder: string;
let database: Database;
let clock: JumpingClock;
let context: Context;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-keys-'));
  database = await openDatabase(join(folder, 'errand.db'));
  clock = new JumpingClock();
  // The parts that keys need.
  context = { database, clock, logger: createLogger() } as Partial<Context> as Context;
  await database.write(async (trx) => {
    await trx
      .insertInto('workspaces')
      .values({ id: WORKSPACE, name: 'team', email: 'team@example.com', created_at: clock.now() })
      .execute();
    for (const key of [KEY, 'erk_another']) {
      await addKey(trx, clock, { workspaceId: WORKSPACE, name: key, role: 'admin', key: new Secret(key) });
    }
  });
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

/** When the last use was, by the database, once all that was to be written is. */
async function lastUse(): Promise<string | null> {
  await database.write(async () => undefined, 'jobs');
  const keys = await listKeys(context, WORKSPACE, { limit: 10 });
  return keys.find(({ name }) => name === KEY)!.last_used_at;
}

test('the use of a key is stored once a minute, however often it is used', async () => {
  expect(await lastUse()).toBeNull();
  await checkKey(context, KEY);
  const first = await lastUse();
  expect(first).not.toBeNull();
  for (let use = 0; use < 20; use += 1) await checkKey(context, KEY);
  expect(await lastUse()).toBe(first);
  clock.wallAheadMs += 61_000;
  await checkKey(context, KEY);
  const second = await lastUse();
  expect(second! > first!).toBe(true);
  for (let use = 0; use < 20; use += 1) await checkKey(context, KEY);
  expect(await lastUse()).toBe(second);
});

test('a key that is known is refused from its revocation on', async () => {
  const { id } = await checkKey(context, KEY);
  expect(checkKey(context, KEY)).not.toBeInstanceOf(Promise);
  await revokeKey(context, WORKSPACE, id);
  await expect((async () => checkKey(context, KEY))()).rejects.toMatchObject({ code: 'unauthorized' });
});
