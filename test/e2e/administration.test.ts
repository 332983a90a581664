import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { type Ended, startErrand } from '../support/command-line.ts';
import { ADMIN_KEY } from '../support/server.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => api.close());

const errandWith = (key: string, ...args: string[]): Promise<Ended> =>
  startErrand(args, { ERRAND_HOST: api.server.running.url, ERRAND_API_KEY: key }).ended;
const errand = (...args: string[]): Promise<Ended> => errandWith(ADMIN_KEY, ...args);

describe('errand keys', () => {
  test('makes a key that works, lists it and revokes it', async () => {
    const made = await errand('keys', 'create', 'ci', '--role', 'developer');
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^erk_\S{40,}\n$/) });
    const key = made.stdout.trim();
    const id = /key-[0-9a-v]{20}/.exec(made.stderr)![0];
    expect((await errandWith(key, 'services', 'list')).code).toBe(0);
    const listed = await errand('keys', 'list');
    expect(listed.stdout).toMatch(new RegExp(`${id} +ci +developer +${key.slice(0, 8)}… .*valid`));
    expect(listed.stdout).not.toContain(key);
    expect(await errand('keys', 'revoke', id)).toMatchObject({ code: 0 });
    expect((await errandWith(key, 'services', 'list')).code).toBe(1);
    expect((await errand('keys', 'list')).stdout).toMatch(new RegExp(`${id}.*revoked`));
  });

  test('refuses what is no key and no role', async () => {
    expect((await errand('keys', 'revoke', 'ci')).code).toBe(2);
    expect((await errand('keys', 'create', 'x', '--role', 'king')).code).toBe(2);
  });
});

describe('errand services set-credential', () => {
  test('takes a token from a file or from standard input, says what there is, and takes it away', async () => {
    const id = await api.seed({ repo: 'https://git.invalid/team/app', name: 'private-app' });
    const file = join(mkdtempSync(join(tmpdir(), 'errand-token-')), 'token');
    writeFileSync(file, 'token-marker-31\n');
    const set = (...args: string[]): Promise<Ended> => errand('services', 'set-credential', ...args);
    expect(await set(id)).toMatchObject({ code: 0, stdout: 'no credential\n' });
    const given = await set('private-app', '--token-file', file, '--username', 'bot');
    expect(given).toMatchObject({ code: 0, stdout: 'a token, for user bot\n' });
    expect(given.stdout + given.stderr).not.toContain('token-marker-31');
    expect(await set(id, '--token-file', file, '--ssh-key', file)).toMatchObject({ code: 2 });
    const wrong = await set(id, '--ssh-key', file);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('sshPrivateKey is for an ssh repository, and this service has https');
    expect(await set(id, '--remove')).toMatchObject({ code: 0, stdout: 'no credential\n' });
    rmSync(dirname(file), { recursive: true });
  });
});

test('errand workspaces makes a workspace whose key sees it alone', async () => {
  const made = await errand('workspaces', 'create', 'Team Blue', '--email', 'blue@example.com');
  expect(made.code).toBe(0);
  const own = await errandWith(made.stdout.trim(), 'workspaces', 'list', '--json');
  expect(JSON.parse(own.stdout)).toMatchObject([{ name: 'Team Blue', email: 'blue@example.com' }]);
  expect((await errand('workspaces', 'list')).stdout).toContain('Team Blue');
});

test('errand audit shows who did what, and narrows it', async () => {
  await errand('keys', 'create', 'audited', '--role', 'viewer');
  const all = await errand('audit');
  expect(all.stdout).toMatch(/admin +127\.0\.0\.1 +create-key .*key-[0-9a-v]{20} .*201/);
  const narrowed = await errand(
    'audit',
    '--action',
    'revoke-key',
    '--since',
    '2099-01-01T00:00:00Z',
    '--json',
  );
  expect(JSON.parse(narrowed.stdout)).toEqual([]);
});
