/** The client as others get it: from the packed package, in a project that has nothing else of it. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, TestServer } from '../support/server.ts';

const root = new URL('../../', import.meta.url).pathname;
let folder: string;
let server: TestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'errand-package-'));
  server = await TestServer.start({ executor: 'process' });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

test('the packed package gives errand/client, with types, and it calls a server', async () => {
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const place = join(folder, 'node_modules', 'errand');
  mkdirSync(place, { recursive: true });
  execFileSync('tar', [
    '-xzf',
    join(folder, packed.trim().split('\n').at(-1)!),
    '--strip-components=1',
    '-C',
    place,
  ]);
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  writeFileSync(
    join(folder, 'use.ts'),
    `import { createClient } from 'errand/client';
const client = createClient({ host: process.argv[2]!, apiKey: process.argv[3]! });
const owners = await client.call('list-owners', {});
const name: string | undefined = owners[0]?.owner?.name;
console.log(name);
`,
  );
  execFileSync(
    join(root, 'node_modules/.bin/tsc'),
    [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
      '--typeRoots',
      join(root, 'node_modules/@types'),
      'use.ts',
    ],
    { cwd: folder, stdio: 'pipe' },
  );
  // The server is in this process: waiting for the other one must not block it.
  const { stdout } = await promisify(execFile)(process.execPath, [
    join(folder, 'use.ts'),
    server.running.url,
    ADMIN_KEY,
  ]);
  expect(stdout.trim()).toBe('My Workspace');
});
