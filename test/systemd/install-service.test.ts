/** `errand install-service`: what it puts where, and what it refuses. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { putFiles } from '../../src/systemd/install.ts';
import { startErrand } from '../support/command-line.ts';
import { asNobody, errandWhere } from '../support/on-another-host.ts';

let folder: string;
let units: string;
let secrets: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-service-'));
  units = join(folder, 'units');
  secrets = join(folder, 'secrets', 'environment');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const withoutSystemd = 'mount -t tmpfs tmpfs /run';
const withSystemd = `${withoutSystemd}; mkdir -p /run/systemd/system`;
const install = (change: string, more: string[] = [], as: string[] = []) =>
  errandWhere(
    change,
    ['install-service', '--unit-folder', units, '--environment-file', secrets, ...more],
    as,
  );
const key = (): string => /^ERRAND_ADMIN_API_KEY=(.*)$/m.exec(readFileSync(secrets, 'utf8'))![1]!;

describe('under systemd', () => {
  test('it writes the service, its slice, and an admin key that root alone can read', async () => {
    const { stdout } = await install(withSystemd, ['--max-memory', '8GB']);
    expect(stdout).toContain(`${units}/errand.service written`);
    expect(stdout).toContain(`${units}/errand.slice written`);
    expect(stdout).toContain(`${secrets} written`);
    expect(readFileSync(join(units, 'errand.service'), 'utf8')).toMatch(
      /^ExecStart=\/bin\/sh \S*\/script\/errand serve --data-dir=\/var\/lib\/errand --max-memory=8GB$/m,
    );
    expect(statSync(secrets).mode & 0o777).toBe(0o600);
    expect(key()).toMatch(/^erk_[\w-]{43}$/);
    expect(stdout).not.toContain(key());
    expect(readdirSync(units).sort()).toEqual(['errand.service', 'errand.slice']);
  });

  test('run again it changes nothing, not even the key', async () => {
    await install(withSystemd);
    const before = key();
    const { stdout } = await install(withSystemd);
    expect(stdout.match(/ unchanged$/gm)).toHaveLength(3);
    expect(key()).toBe(before);
  });

  test('a unit that differs is shown and kept, until it is forced', async () => {
    await install(withSystemd, ['--port', '9000']);
    const refused = await install(withSystemd, ['--port', '9001']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^- ExecStart=.*--port=9000$/m);
    expect(refused.stderr).toMatch(/^\+ ExecStart=.*--port=9001$/m);
    expect(refused.stderr).toContain('--force replaces it; nothing was changed');
    expect(readFileSync(join(units, 'errand.service'), 'utf8')).toContain('--port=9000');
    const forced = await install(withSystemd, ['--port', '9001', '--force']);
    expect(forced.stdout).toContain(`${units}/errand.service replaced`);
    expect(readFileSync(join(units, 'errand.service'), 'utf8')).toContain('--port=9001');
  });

  test('keys of the environment go into the file of secrets', async () => {
    const chosen = `ERRAND_ADMIN_API_KEY=chosen-by-the-operator`;
    await install(withSystemd, [], ['env', chosen]);
    expect(key()).toBe('chosen-by-the-operator');
  });

  test('another user is told to be root', async () => {
    const { code, stderr } = await install(withSystemd, [], asNobody);
    expect(code).toBe(1);
    expect(stderr).toContain('installed by root: use sudo');
    expect(existsSync(units)).toBe(false);
  });
});

test('without systemd it installs nothing, and says what to do', async () => {
  const { code, stderr } = await install(withoutSystemd);
  expect(code).toBe(1);
  expect(stderr).toContain('systemd does not run this machine');
  expect(existsSync(units)).toBe(false);
  expect(existsSync(secrets)).toBe(false);
});

test('--output shows the unit or writes it, for anybody and everywhere', async () => {
  const file = join(folder, 'unit');
  const shown = await errandWhere(withoutSystemd, ['install-service', '--output', '-'], asNobody);
  expect(shown).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('[Service]') });
  const written = await errandWhere(withoutSystemd, ['install-service', '--output', file]);
  expect(written).toMatchObject({ code: 0, stdout: `${file} written\n` });
  expect(readFileSync(file, 'utf8')).toBe(shown.stdout);
});

test('wrong settings and names are wrong arguments', async () => {
  for (const [args, words] of [
    [['--port', 'x'], '--port must be a whole number'],
    [['--name', '../evil'], '--name must be small letters'],
    [['--name', 'a--b'], '--name must be small letters'],
  ] as const) {
    const { code, stderr } = await startErrand(['install-service', '--output', '-', ...args]).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  }
});

test('where one of several files differs, none is written', () => {
  const files = ['a', 'b'].map((name) => ({ path: join(folder, name), text: `${name}\n` }));
  writeFileSync(join(folder, 'b'), 'other\n');
  expect(() => putFiles(files, false)).toThrow('- other\n+ b');
  expect(readdirSync(folder)).toEqual(['b']);
  expect(putFiles(files, true).map(({ fate }) => fate)).toEqual(['written', 'replaced']);
  expect(putFiles(files, false).map(({ fate }) => fate)).toEqual(['unchanged', 'unchanged']);
});
