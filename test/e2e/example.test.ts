/** The example as a team would use it: built from git, migrated, seeded and reported on by one-off jobs. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, startErrand } from '../support/command-line.ts';
import { patient } from '../support/patience.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

const ROOT = join(import.meta.dirname, '../..');
const BUILD = 'npm ci --include=dev --no-audit --no-fund --loglevel=error && npm run --silent build';
const MINUTES_MS = patient(60_000);

let postgres: TestPostgres;
let server: TestServer;
let folder: string;
let repository: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-example-'));
  repository = join(folder, 'todo-api');
  cpSync(join(ROOT, 'examples/todo-api'), repository, {
    recursive: true,
    filter: (path) => !/\/(node_modules|build|public)$/.test(path),
  });
  git('init', '--quiet', '--initial-branch', 'main');
  commit('Keep a list');
  [postgres, server] = await Promise.all([startPostgres(), TestServer.start()]);
});
afterAll(async () => {
  await server?.close();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function git(...args: string[]): void {
  execFileSync('git', ['-C', repository, '-c', 'user.name=T', '-c', 'user.email=t@example.com', ...args]);
}

function commit(message: string): void {
  git('add', '.');
  git('commit', '--quiet', '-m', message);
}

const errand = (...args: string[]): Promise<Ended> =>
  startErrand(args, { ERRAND_HOST: server.running.url, ERRAND_API_KEY: ADMIN_KEY }).ended;
const run = (...words: string[]): Promise<Ended> => errand('run', 'todo-api', '--', ...words);

async function query<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

// Each step stands on the one before it, as it does for a team.
describe('a team deploys the example and works with it', () => {
  test('the first deploy builds it and shows the build', { timeout: 2 * MINUTES_MS }, async () => {
    const ended = await errand(
      ...['services', 'create', '--name', 'todo-api', '--repo', repository, '--branch', 'main', '--wait'],
      ...['--build-command', BUILD, '--start-command', 'npm start', '--env', `DATABASE_URL=${postgres.url}`],
    );
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(ended.stdout).toMatch(/^2 assets built$/m);
    expect(ended.stdout).toMatch(/^dep-[0-9a-v]{20} live/m);
  });

  test('a migration job creates the tables in a real PostgreSQL, once', async () => {
    const first = await run('npm', 'run', '--silent', 'migrate');
    expect(first, first.stderr).toMatchObject({
      code: 0,
      stdout: 'applied 0001_create_todos.sql\napplied 0002_add_due_date.sql\n2 migrations applied\n',
    });
    const columns = await query<{ column_name: string }>(
      "SELECT column_name FROM information_schema.columns WHERE table_name = 'todos' ORDER BY ordinal_position",
    );
    expect(columns.map((column) => column.column_name)).toEqual([
      'id',
      'title',
      'done',
      'created_at',
      'due_on',
    ]);
    expect(await run('npm', 'run', '--silent', 'migrate')).toMatchObject({
      stdout: 'the schema is current\n',
    });
  });

  test('two migration jobs at the same time do not disturb each other', async () => {
    await query('DROP TABLE todos, schema_migrations');
    const both = await Promise.all([run('npm run -s migrate'), run('npm run -s migrate')]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both.map(({ stdout }) => stdout.trim().split('\n').at(-1)).sort()).toEqual([
      '2 migrations applied',
      'the schema is current',
    ]);
  });

  test('jobs write and read the data of the service', async () => {
    expect(await run('npm run -s seed')).toMatchObject({ code: 0, stdout: '3 to-dos added\n' });
    const { stdout } = await run('npm run -s report');
    expect(stdout).toMatch(/^open 3, done 0\n\d{4}-\d\d-\d\d {2}Write the release notes\n/);
  });

  test("a failing command's exit code is that of `errand run`, and its error is shown", async () => {
    const ended = await run('DATABASE_URL=postgres://nobody@127.0.0.1:1/none npm run -s report || exit 7');
    expect(ended.code).toBe(7);
    expect(ended.stderr).toMatch(/ECONNREFUSED/);
  });

  test('a new deploy reaches the next job, with its new migration', { timeout: 2 * MINUTES_MS }, async () => {
    writeFileSync(
      join(repository, 'migrations/0003_add_owner.sql'),
      'ALTER TABLE todos ADD COLUMN owner TEXT;\n',
    );
    appendFileSync(join(repository, 'assets/todo.css'), '\nli {\n  margin: 0.25rem 0;\n}\n');
    commit('Owners');
    const before = (await run('npm run -s about')).stdout;
    const deployed = await errand('deploy', 'todo-api');
    expect(deployed, deployed.stdout).toMatchObject({ code: 0 });
    const after = (await run('npm run -s about')).stdout;
    expect(after).not.toBe(before);
    expect(await run('npm run -s migrate')).toMatchObject({
      stdout: 'applied 0003_add_owner.sql\n1 migrations applied\n',
    });
  });

  test('a deploy whose build fails exits with 1 and leaves the last build in use', {
    timeout: 2 * MINUTES_MS,
  }, async () => {
    writeFileSync(join(repository, 'src/about.ts'), 'const wrong: number = "text";\n');
    commit('Break the build');
    const deployed = await errand('deploy', 'todo-api');
    expect(deployed.code).toBe(1);
    expect(deployed.stdout).toMatch(/error TS2322[\s\S]*build_failed/);
    expect(await run('npm run -s about')).toMatchObject({ code: 0 });
  });
});
