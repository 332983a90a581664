/** Carries out what the README tells people to type, as they would. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { patient } from '../support/patience.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const left: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const undo of left.splice(0).reverse()) await undo();
});

/** The commands below a heading, block by block. */
function commandsBelow(heading: string): string[] {
  const text = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`));
  return [...(section ?? '').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
}

function startServer(commands: string): ChildProcess {
  const server = spawn('bash', ['-euo', 'pipefail', '-c', commands], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, as a terminal gives it: Ctrl-C reaches the whole group.
    detached: true,
  });
  left.push(async () => {
    if (server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    process.kill(-server.pid!, 'SIGINT');
    await ended;
  });
  return server;
}

test('the quick start works as it is written', { timeout: patient(180_000) }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-readme-'));
  left.push(() => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const [serve, ...rest] = commandsBelow('Quick start').map((block) =>
    block
      .replaceAll('/tmp/errand-quickstart', folder)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
      .replaceAll('errand serve', `errand serve --port ${port}`),
  );
  expect(rest).toHaveLength(3);

  const server = startServer(serve!);
  let said = '';
  for (const stream of [server.stdout!, server.stderr!]) stream.on('data', (text) => (said += text));
  await eventually(
    () => {
      if (server.exitCode !== null) throw new Error(`the server ended: ${said}`);
      return said.includes(`listens on http://127.0.0.1:${port}`);
    },
    { what: 'the server to listen', withinMs: 30_000 },
  );

  const script = rest.map((block, index) => `echo "== ${index}"\n${block}`).join('\n');
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT }).catch((error) => {
    throw new Error(`${error.message}\n${error.stdout}\n${said}`);
  });
  const [created, jobs, http] = stdout.split(/^== \d$/m).slice(1);
  expect(created).toMatch(/2 assets built[\s\S]*dep-[0-9a-v]{20} live/);
  expect(jobs).toMatch(/todo\.css is served as todo\.[0-9a-f]{12}\.css/);
  expect(jobs).toMatch(/^hello from todo-api$/m);
  expect(jobs).toMatch(/^it ended with 3$/m);
  expect(jobs).toMatch(/^job-[0-9a-v]{20} +failed +3 /m);
  expect(http).toMatch(/"status":"succeeded"/);
  expect(http).toMatch(/"message":"hi"/);
});

test('the demo ends well, shows a job to its end, and leaves nothing behind', {
  timeout: patient(180_000),
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'errand-demo-test-'));
  left.push(() => rmSync(folder, { recursive: true, force: true }));
  const { stdout } = await run(join(ROOT, 'script/demo'), [], {
    cwd: folder,
    env: { ...process.env, TMPDIR: folder },
  });
  expect(stdout).toMatch(/hello from job-[0-9a-v]{20}/);
  expect(stdout).toMatch(/^status +succeeded$/m);
  expect(stdout).toMatch(/^duration +\d/m);
  expect(stdout).toMatch(/^cost +\$0\.\d+$/m);
  const { stdout: remaining } = await run('ls', ['-A', folder]);
  expect(remaining).toBe('');
});
