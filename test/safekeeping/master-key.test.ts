/** The master key: a start notices one that is missing or another, and a change of it survives being killed. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config.ts';
import { rotateKey } from '../../src/safekeeping/rotate-key.ts';
import { SEALED_COLUMNS } from '../../src/services/sealed-columns.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { Vault } from '../../src/shared/vault.ts';
import { startErrand } from '../support/command-line.ts';
import { WORKER_DETAILS } from '../support/seed-service.ts';
import { TestServer } from '../support/server.ts';

let server: TestServer;
let serviceId: string;
const logged: string[] = [];
const logger = createLogger((line) => logged.push(line));

beforeEach(async () => {
  logged.length = 0;
  server = await TestServer.start({ executor: 'process' });
  serviceId = await server.seedService({}, { details: WORKER_DETAILS });
  await server.call('PUT', `/services/${serviceId}/env-vars/SECRET`, { value: 'of the service' });
});
afterEach(async () => server.close());

const inData = (...names: string[]): string => join(server.config.dataDir, ...names);
const keyFile = (): string => inData('master.key');
const asHex = (file: string): string => readFileSync(file).toString('hex');

async function secret(): Promise<unknown> {
  const { body } = await server.call<{ value: string }>('GET', `/services/${serviceId}/env-vars/SECRET`);
  return body.value;
}

/** Why the next start fails after `meanwhile`; then `repair` makes the server start again. */
async function refusal(meanwhile: () => void, repair: () => void): Promise<Error> {
  let failure: unknown;
  await server.restart(meanwhile).catch((error: unknown) => {
    failure = error;
  });
  repair();
  await server.restart();
  expect(failure).toBeInstanceOf(ConfigError);
  return failure as Error;
}

const withoutProbe = (): void => {
  const database = new DatabaseSync(inData('errand.db'));
  database.exec("DELETE FROM settings WHERE name = 'key_probe'");
  database.close();
};

describe.each([
  ['a database with a probe', () => undefined],
  ['a database that is older than the probe', withoutProbe],
])('with %s', (_what, prepare) => {
  test('a missing key is named, and none is made in its place', async () => {
    const aside = inData('aside');
    const error = await refusal(
      () => {
        prepare();
        renameSync(keyFile(), aside);
      },
      () => {
        expect(existsSync(keyFile())).toBe(false);
        renameSync(aside, keyFile());
      },
    );
    expect(error.message).toMatch(
      /master key is missing: there is no file .*master\.key and ERRAND_MASTER_KEY/,
    );
    expect(error.message).toContain('Nothing was changed');
    expect(await secret()).toBe('of the service');
  });

  test('another key is named by its id, with the file that holds the right one, and stays as it is', async () => {
    const right = readFileSync(keyFile());
    const wrong = Buffer.alloc(32, 7);
    const error = await refusal(
      () => {
        prepare();
        copyFileSync(keyFile(), inData('master.key.before'));
        writeFileSync(keyFile(), wrong);
      },
      () => {
        expect(readFileSync(keyFile())).toEqual(wrong);
        writeFileSync(keyFile(), right);
      },
    );
    expect(error.message).toContain(`${keyFile()} is not the master key`);
    expect(error.message).toContain(`it is the key ${new Vault(wrong).keyId}`);
    expect(error.message).toContain(`${inData('master.key.before')} holds it`);
    expect(error.message).not.toContain(wrong.toString('hex'));
    expect(await secret()).toBe('of the service');
  });

  test('the right key is taken', async () => {
    await server.restart(prepare);
    expect(await secret()).toBe('of the service');
  });
});

test('a key of the environment that is another is named, and what lies in the folder is not used in its place', async () => {
  const error = await refusal(
    () => {
      server.config.masterKey = '07'.repeat(32);
    },
    () => {
      delete server.config.masterKey;
    },
  );
  expect(error.message).toMatch(/ERRAND_MASTER_KEY is not the master key .*master\.key holds it/);
});

test('a job whose configuration does not open ends with that as its reason, and the others go on', async () => {
  const { config } = server;
  config.capacity.jobs = 1;
  const first = await server.createJob(serviceId, 'sleep 1');
  const broken = await server.createJob(serviceId, 'echo must not run');
  await server.running.context.database.write((trx) =>
    trx
      .updateTable('snapshots')
      .set({ sealed: Buffer.alloc(60, 1).toString('base64') })
      .execute(),
  );
  await server.finished(first.id);
  expect(await server.finished(broken.id)).toMatchObject({
    status: 'failed',
    reason: { startFailed: expect.stringMatching(/master key [0-9a-f]{8} does not open .*snapshot/) },
  });
});

test('every column of the tables that is sealed is in the list of what a change of the key seals anew', () => {
  const database = new DatabaseSync(inData('errand.db'), { readOnly: true });
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const sealed = tables.flatMap(({ name }) =>
    database
      .prepare(`SELECT name FROM pragma_table_info('${name}') WHERE name LIKE '%sealed%'`)
      .all()
      .map((column) => `${name}.${column['name']}`),
  );
  database.close();
  const listed = SEALED_COLUMNS.filter(({ field }) => !field).map(
    ({ table, column }) => `${table}.${column}`,
  );
  expect(listed.toSorted()).toEqual(sealed.toSorted());
});

describe('a change of the key', () => {
  const rotate = (given?: string) => rotateKey(server.config, logger, given);

  test('leaves everything that is secret readable, with the new key alone, and keeps the old one under its id', async () => {
    const workspace = await server.workspaceId();
    await server.call('PUT', `/services/${serviceId}/secret-files/token`, { content: 'in a file' });
    await server.call('POST', '/registrycredentials', {
      name: 'registry',
      registry: 'DOCKER',
      username: 'me',
      authToken: 'of the registry',
      ownerId: workspace,
    });
    await server.call('PUT', `/logs/streams/owner/${workspace}`, {
      endpoint: 'logs.example.com:6514',
      token: 'of the stream',
      preview: 'drop',
    });
    await server.call('PUT', `/logs/streams/resource/${serviceId}`, {
      endpoint: 'own.example.com:6514',
      token: 'of its own',
      setting: 'send',
    });
    await server.call('POST', '/webhooks', {
      name: 'hook',
      url: 'https://example.com/hook',
      enabled: true,
      eventFilter: [],
      ownerId: workspace,
    });
    const repeated = { 'idempotency-key': 'the same' };
    const created = await server.call<{ id: string }>(
      'POST',
      `/services/${serviceId}/jobs`,
      { startCommand: 'echo "$SECRET" > x; wc -c < x' },
      repeated,
    );
    await server.call('PATCH', `/services/${serviceId}`, {
      repo: 'https://me:password@example.com/team/app',
    });
    const withKey = await server.seedService({}, { repo: 'git@example.com:team/app' });
    const sshPrivateKey = `-----BEGIN PRIVATE KEY-----\n${btoa('a key')}\n-----END PRIVATE KEY-----`;
    await server.call('PUT', `/services/${withKey}/repository-credential`, { sshPrivateKey });
    const before = asHex(keyFile());
    const oldId = new Vault(readFileSync(keyFile())).keyId;
    let done: Awaited<ReturnType<typeof rotate>> | undefined;
    await server.restart(async () => {
      done = await rotate();
    });
    expect(done).toMatchObject({ oldKeyId: oldId, unreadable: 0, oldKeyFile: inData(`master.key.${oldId}`) });
    expect(asHex(keyFile())).not.toBe(before);
    expect(asHex(done!.oldKeyFile!)).toBe(before);
    expect(await secret()).toBe('of the service');
    const read = server.running.context.database.read;
    const now = new Vault(readFileSync(keyFile()));
    const { selectSealed } = await import('../../src/db/queries/sealed-values.ts');
    let values = 0;
    for (const column of SEALED_COLUMNS) {
      const rows = await selectSealed(read, column, 100);
      expect([column.table, column.column, rows.length > 0]).toEqual([column.table, column.column, true]);
      for (const { keys, sealed } of rows) expect(now.opens(sealed, column.boundTo(keys))).toBe(true);
      values += rows.length;
    }
    expect(done!.values).toBe(values);
    const again = await server.call<{ id: string }>(
      'POST',
      `/services/${serviceId}/jobs`,
      { startCommand: 'echo "$SECRET" > x; wc -c < x' },
      repeated,
    );
    expect(again.body.id).toBe(created.body.id);
    expect(await server.run(serviceId, 'echo "$SECRET" > x; wc -c < x')).toMatchObject({ output: ['15'] });
  });

  test('is refused while a server runs on the folder, and where there is no database nothing is made', async () => {
    await expect(rotate()).rejects.toThrow('another server uses the data folder');
    const nowhere = join(server.config.dataDir, 'misspelt');
    await expect(rotateKey({ dataDir: nowhere }, logger, undefined)).rejects.toThrow('no database at');
    expect(existsSync(nowhere)).toBe(false);
    expect(await secret()).toBe('of the service');
  });

  test('of a server with a key from the environment takes the new one from there', async () => {
    const [first, second] = [asHex(keyFile()), 'ab'.repeat(32)];
    server.config.masterKey = first;
    await server.restart(async () => {
      await expect(rotate()).rejects.toThrow('give it as ERRAND_NEW_MASTER_KEY');
      await expect(rotate(first)).rejects.toThrow('the new key is the present one');
      await rotate(second);
      server.config.masterKey = second;
    });
    expect(await secret()).toBe('of the service');
  });

  test('that was interrupted before the database was sealed anew did not happen', async () => {
    const before = asHex(keyFile());
    await server.restart(() => writeFileSync(inData('master.key.new'), Buffer.alloc(32, 9)));
    expect(await secret()).toBe('of the service');
    expect(asHex(keyFile())).toBe(before);
    await server.restart(async () => void (await rotate()));
    expect(await secret()).toBe('of the service');
  });

  test('that was interrupted after it is finished by the next start', async () => {
    const old = readFileSync(keyFile());
    await server.restart(async () => {
      const { oldKeyFile } = await rotate();
      renameSync(keyFile(), inData('master.key.new'));
      renameSync(oldKeyFile!, keyFile());
    });
    expect(await secret()).toBe('of the service');
    expect(existsSync(inData('master.key.new'))).toBe(false);
    expect(readFileSync(keyFile())).not.toEqual(old);
    expect(server.logLines.join('')).toContain('finished a change of the master key that was interrupted');
  });

  test('that is killed at whatever point leaves a server that starts and reads everything', async () => {
    const { database } = server.running.context;
    const vault = new Vault(readFileSync(keyFile()));
    await database.write(async (trx) => {
      for (let n = 0; n < 3000; n += 1) {
        const sealed = vault.seal(`value ${n}`, `snapshot/snp-${n}`);
        await trx
          .insertInto('snapshots')
          .values({
            id: `snp-${n}`,
            service_id: serviceId,
            sealed,
            created_at: '2026-01-01T00:00:00.000000Z',
          })
          .execute();
      }
    });
    for (const afterMs of [400, 600, 700, 800, 900, 1000]) {
      await server.restart(async () => {
        const { process: child, ended } = startErrand(['rotate-key', '--data-dir', server.config.dataDir]);
        await Promise.race([delay(afterMs), ended]);
        child.kill('SIGKILL');
        await ended;
      });
      expect(await secret()).toBe('of the service');
    }
    await server.restart(async () => {
      const ended = await startErrand(['rotate-key', '--data-dir', server.config.dataDir]).ended;
      expect(ended).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^30\d\d values are sealed with the key/),
      });
    });
    const newest = new Vault(readFileSync(keyFile()));
    const rows = await server.running.context.database.read.selectFrom('snapshots').selectAll().execute();
    for (const { id, sealed } of rows) expect(newest.opens(sealed, `snapshot/${id}`)).toBe(true);
  }, 120_000);
});

test('the first start makes a key; a key that was put there before it is used', async () => {
  const dataDir = inData('another');
  mkdirSync(dataDir);
  writeFileSync(join(dataDir, 'master.key'), Buffer.alloc(32, 3));
  const other = await TestServer.start({ executor: 'process', dataDir });
  try {
    expect(readFileSync(join(dataDir, 'master.key'))).toEqual(Buffer.alloc(32, 3));
    await other.restart(() => {
      rmSync(join(dataDir, 'errand.db'));
      for (const name of ['master.key', 'identity']) rmSync(join(dataDir, name));
      for (const name of readdirSync(dataDir)) if (name.startsWith('errand.db-')) rmSync(join(dataDir, name));
    });
    expect(readFileSync(join(dataDir, 'master.key'))).toHaveLength(32);
  } finally {
    await other.close();
  }
});
