import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError } from '../src/config.ts';
import { claimDataFolder } from '../src/data-folder.ts';

let folder: string;
let holder: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-test-'));
});
afterEach(() => {
  holder?.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Another process that claims the folder and stays. */
async function claimElsewhere(): Promise<ChildProcess> {
  const module = fileURLToPath(new URL('../src/data-folder.ts', import.meta.url));
  const script = `import { claimDataFolder } from ${JSON.stringify(module)};
    globalThis.held = claimDataFolder(process.argv[1]); console.log('held'); setInterval(() => {}, 1000);`;
  const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  const child = spawn(node, ['--input-type=module', '-e', script, folder]);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child;
}

test('a folder that a live process holds is refused, and free as soon as that is killed', async () => {
  holder = await claimElsewhere();
  expect(() => claimDataFolder(folder)).toThrow(ConfigError);
  expect(() => claimDataFolder(folder)).toThrow(/another server uses the data folder/);
  holder.kill('SIGKILL');
  await new Promise((resolve) => holder?.once('exit', resolve));
  claimDataFolder(folder).release();
});

test('a folder that was given up can be claimed again, and is closed to others', () => {
  claimDataFolder(folder).release();
  const claim = claimDataFolder(folder);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(() => claimDataFolder(folder)).toThrow(/another server/);
  claim.release();
});

test('no name outside of the folder can keep a server out of it', async () => {
  const name = `\0errand-${createHash('sha256').update(folder).digest('hex').slice(0, 32)}`;
  const squatter = createServer().listen({ path: name });
  await new Promise((resolve) => squatter.once('listening', resolve));
  claimDataFolder(folder).release();
  squatter.close();
});

test('a place that cannot be a folder is named', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(() => claimDataFolder(join(file, 'below'))).toThrow(
    `the data folder ${join(file, 'below')} cannot be made`,
  );
});

test.each(['/proc/errand', '/proc/self/errand/data', '/dev/null/errand', '/sys/errand'])(
  'a folder that cannot be made, %s, is refused at once',
  async (impossible) => {
    // In a process of its own: what is proven here is that it ends.
    const module = fileURLToPath(new URL('../src/data-folder.ts', import.meta.url));
    const script = `import { claimDataFolder } from ${JSON.stringify(module)};
      try { claimDataFolder(process.argv[1]); } catch (error) { console.log(error.constructor.name, error.message); }`;
    const node = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
    const { stdout } = await promisify(execFile)(node, ['--input-type=module', '-e', script, impossible], {
      timeout: 20_000,
    });
    expect(stdout).toMatch(`ConfigError the data folder ${impossible} cannot be made`);
  },
);

test('a folder is made with all that leads to it, for its owner alone', () => {
  const deep = join(folder, 'a', 'b', 'data');
  claimDataFolder(deep).release();
  expect(statSync(deep).mode & 0o777).toBe(0o700);
});
