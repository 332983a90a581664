/** Writes that share a commit: what each of them may rely on whatever the others do. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EpochCache } from '../../src/db/epoch-cache.ts';
import { type Database, openDatabase, type Queries } from '../../src/db/open.ts';

let folder: string;
let database: Database;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-group-commit-'));
  database = await openDatabase(join(folder, 'errand.db'));
});
afterEach(async () => {
  await database.close();
  rmSync(folder, { recursive: true, force: true });
});

async function put(queries: Queries, name: string, value = ''): Promise<void> {
  await queries.insertInto('settings').values({ name, value }).execute();
}

async function names(): Promise<string[]> {
  const rows = await database.read.selectFrom('settings').select('name').orderBy('name').execute();
  return rows.map(({ name }) => name);
}

describe('a write that fails after it changed something', () => {
  test('takes nothing along of those that share its commit', async () => {
    const outcomes = await Promise.allSettled([
      database.write((trx) => put(trx, 'a').then(() => 'first')),
      database.write(async (trx) => {
        await put(trx, 'b');
        throw new Error('on purpose');
      }),
      database.write((trx) => put(trx, 'c').then(() => 'last')),
    ]);
    expect(outcomes).toMatchObject([
      { status: 'fulfilled', value: 'first' },
      { status: 'rejected', reason: { message: 'on purpose' } },
      { status: 'fulfilled', value: 'last' },
    ]);
    expect(await names()).toEqual(['a', 'c']);
  });

  test('nor do several, and each gets its own error', async () => {
    const writes = Array.from({ length: 40 }, (_, index) =>
      database.write(async (trx) => {
        await put(trx, String(index + 10));
        if (index % 3 === 0) throw new Error(`no ${index}`);
        return index;
      }),
    );
    const outcomes = await Promise.allSettled(writes);
    for (const [index, outcome] of outcomes.entries()) {
      if (index % 3 === 0) expect(outcome).toMatchObject({ reason: { message: `no ${index}` } });
      else expect(outcome).toMatchObject({ value: index });
    }
    expect(await names()).toEqual(
      Array.from({ length: 40 }, (_, index) => index)
        .filter((index) => index % 3 !== 0)
        .map((index) => String(index + 10)),
    );
  });

  test('leaves nothing behind when the error is of the database itself', async () => {
    await database.write((trx) => put(trx, 'a'));
    const [twice, other] = await Promise.allSettled([
      database.write(async (trx) => {
        await put(trx, 'b');
        await put(trx, 'a');
      }),
      database.write((trx) => put(trx, 'c')),
    ]);
    expect(twice).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SQLITE_ERROR' } });
    expect(other).toMatchObject({ status: 'fulfilled' });
    expect(await names()).toEqual(['a', 'c']);
  });

  test('ends what was read meanwhile: a cache does not keep what was undone', async () => {
    const cache = new EpochCache<string>();
    const write = (fails: boolean): Promise<string> =>
      database.write(async (trx) => {
        const kept = cache.entries(database);
        const known = kept.get('made');
        if (known) return known;
        const name = fails ? 'undone' : 'kept';
        await put(trx, name);
        kept.set('made', name);
        if (fails) throw new Error('on purpose');
        return name;
      }, 'jobs');
    const outcomes = await Promise.allSettled([write(true), write(false), write(false)]);
    expect(outcomes.slice(1)).toMatchObject([{ value: 'kept' }, { value: 'kept' }]);
    expect(await names()).toEqual(['kept']);
  });

  test('commits what accompanies its neighbours once', async () => {
    const accompanied = (name: string, fails = false): Promise<void> =>
      database.accompanied(
        (trx) => put(trx, `${name}, told`),
        () =>
          database.write(async (trx) => {
            await put(trx, name);
            if (fails) throw new Error('on purpose');
          }),
      );
    await Promise.allSettled([accompanied('a'), accompanied('b', true), accompanied('c')]);
    expect(await names()).toEqual(['a', 'a, told', 'c', 'c, told']);
  });
});

test('a write that fails before it changed anything lets its neighbours run once', async () => {
  let runs = 0;
  const count = (name: string): Promise<void> =>
    database.write((trx) => {
      runs += 1;
      return put(trx, name);
    });
  const failing = database.write(async (trx) => {
    await trx.selectFrom('settings').selectAll().execute();
    throw new Error('on purpose');
  });
  const outcomes = await Promise.allSettled([count('a'), failing, count('b')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(runs).toBe(2);
  expect(await names()).toEqual(['a', 'b']);
});

describe('within one transaction', () => {
  test('a write that fails and is caught undoes only itself', async () => {
    await database.atomic(async () => {
      await database.write((trx) => put(trx, 'a'));
      await database
        .write(async (trx) => {
          await put(trx, 'b');
          throw new Error('on purpose');
        })
        .catch(() => undefined);
      await database.write((trx) => put(trx, 'c'));
    });
    expect(await names()).toEqual(['a', 'c']);
  });

  test('nothing is there when it fails, and hints for after it are not given', async () => {
    let hints = 0;
    const atomic = database.atomic(async () => {
      await database.write((trx) => put(trx, 'a'));
      database.afterCommit(() => {
        hints += 1;
      });
      throw new Error('on purpose');
    });
    const [failed] = await Promise.allSettled([atomic, database.write((trx) => put(trx, 'b'))]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { message: 'on purpose' } });
    expect(await names()).toEqual(['b']);
    expect(hints).toBe(0);
  });

  test('that runs again because another write failed, hints are given once', async () => {
    let hints = 0;
    const atomic = database.atomic(async () => {
      await database.write((trx) => put(trx, 'a'));
      database.afterCommit(() => {
        hints += 1;
      });
    });
    const failing = database.write(async (trx) => {
      await put(trx, 'b');
      throw new Error('on purpose');
    });
    await Promise.allSettled([atomic, failing]);
    expect(await names()).toEqual(['a']);
    expect(hints).toBe(1);
  });
});

describe('after the end', () => {
  test('a write is refused, and so is what waits behind it, in words and at once', async () => {
    const other = await openDatabase(join(folder, 'other.db'));
    await other.write((trx) => put(trx, 'in time'));
    await other.close();
    for (const late of [
      () => other.write((trx) => put(trx, 'late')),
      () => other.atomic((trx) => put(trx, 'late')),
      () =>
        other.accompanied(
          async () => {},
          () => other.write((trx) => put(trx, 'late')),
        ),
    ]) {
      await expect(late()).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('stopping'),
      });
    }
  });

  test('what came before it is carried out', async () => {
    const other = await openDatabase(join(folder, 'other.db'));
    const early = other.write((trx) => put(trx, 'in time'));
    const closing = other.close();
    await early;
    await closing;
    const again = await openDatabase(join(folder, 'other.db'));
    expect(await again.read.selectFrom('settings').select('name').execute()).toEqual([{ name: 'in time' }]);
    await again.close();
  });
});
