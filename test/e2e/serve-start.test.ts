/** What `errand serve` does when it cannot start: it says why, ends, and leaves nothing half started. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';
import { startServer } from '../../src/server.ts';
import { createLogger } from '../../src/shared/logger.ts';
import { startErrand } from '../support/command-line.ts';
import { eventually } from '../support/eventually.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'errand-test-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const silent = createLogger(() => undefined);
const start = (port: number, env: Record<string, string> = {}) =>
  startServer(readConfig({ dataDir, port: String(port), executor: 'local' }, env), silent);

test('a port in use is named, everything is stopped, and the key of the first start is still to come', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const { port } = other.address() as AddressInfo;
  const failure = await start(port).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ConfigError);
  expect((failure as Error).message).toContain(`port ${port} of 127.0.0.1 is in use`);
  expect(readdirSync(join(dataDir, 'instances'))).toEqual([]);
  expect(readdirSync(join(dataDir, 'standby'))).toEqual([]);
  await new Promise((resolve) => other.close(resolve));
  // The data folder was given up as well.
  const second = await start(0);
  expect(second.firstKey?.reveal()).toMatch(/^erk_/);
  await second.stop();
});

test('a master key that was cut is named, and not replaced', async () => {
  const file = join(dataDir, 'master.key');
  writeFileSync(file, 'cut');
  await expect(start(0)).rejects.toThrow(`${file} must hold 32 bytes, and has 3`);
  expect(existsSync(file)).toBe(true);
});

test('a server whose user keeps new files to itself starts, and its instances read what is theirs', async () => {
  const server = startErrand(['serve', '--data-dir', dataDir, '--port', '0'], {}, [
    'sh',
    '-c',
    'umask 0077; exec "$@"',
    'sh',
  ]);
  await eventually(
    () => server.output.stdout.includes('Errand listens on') || server.process.exitCode !== null,
  );
  server.process.kill('SIGTERM');
  expect(await server.ended).toMatchObject({ code: 0 });
});
