/** The unit that `errand install-service` writes: what systemd makes of it, and what it promises. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveArguments } from '../../src/cli/commands/install-service.ts';
import { serveCommand } from '../../src/cli/commands/serve.ts';
import { readConfig } from '../../src/config.ts';
import {
  commandWord,
  environmentText,
  type ServiceSettings,
  serviceUnit,
  sliceUnit,
} from '../../src/systemd/unit.ts';
import { makeCertificates } from '../support/certificate-authority.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'errand-unit-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const settings: ServiceSettings = {
  name: 'errand',
  script: join(import.meta.dirname, '../../script/errand'),
  dataDir: '/srv/all of it',
  arguments: ['--data-dir=/srv/all of it', '--log-stream-ca=/etc/a $HOME 100% "x" \\'],
  environmentFile: '/etc/errand/environment',
};
/** The value of a setting in a unit. */
const value = (unit: string, key: string): string | undefined =>
  new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1];

test('systemd reads both units without a complaint', () => {
  writeFileSync(join(folder, 'errand.service'), serviceUnit(settings));
  writeFileSync(join(folder, 'errand.slice'), sliceUnit('errand'));
  const { stdout, stderr, status } = spawnSync(
    'systemd-analyze',
    ['verify', join(folder, 'errand.service')],
    {
      encoding: 'utf8',
    },
  );
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});

test('a stop leaves jobs alone, a crash is followed by a start, and limits are the slice of both', () => {
  const unit = serviceUnit({ ...settings, name: 'errand-staging' });
  expect(value(unit, 'KillMode')).toBe('process');
  expect(value(unit, 'Delegate')).toBe('yes');
  expect(value(unit, 'Restart')).toBe('on-failure');
  expect(value(unit, 'StartLimitIntervalSec')).toBe('0');
  expect(value(unit, 'OOMPolicy')).toBe('continue');
  expect(value(unit, 'Slice')).toBe('errand-staging.slice');
  expect(value(unit, 'RequiresMountsFor')).toBe('"/srv/all of it"');
});

test('nothing in the unit is inherited by jobs as a filter, or covers what a runtime mounts', () => {
  const set = [...serviceUnit(settings).matchAll(/^([A-Za-z]+)=/gm)].map(([, key]) => key!);
  const harmful =
    /^(SystemCall|Restrict|Private|ProtectKernel|ProtectControl|ProtectProc|ProtectHostname|NoNewPriv|Memory|LockPers|UMask)/;
  expect(set.filter((key) => harmful.test(key))).toEqual([]);
  expect(set).toContain('ProtectSystem');
});

test('a word of the command is what it was, whatever is in it', () => {
  expect(commandWord('/plain/path-1.0_x')).toBe('/plain/path-1.0_x');
  expect(value(serviceUnit(settings), 'ExecStart')).toBe(
    `/bin/sh ${settings.script} serve "--data-dir=/srv/all of it" "--log-stream-ca=/etc/a $$HOME 100%% \\"x\\" \\\\"`,
  );
  expect(commandWord(';')).toBe('";"');
  expect(commandWord('')).toBe('""');
  expect(() => commandWord('a\nExecStartPre=/bin/evil')).toThrow('control characters');
});

describe('the arguments of the service', () => {
  test('are all settings that were given, and the server reads them as they were', () => {
    const flags = {
      dataDir: 'relative',
      host: '::1',
      port: '9000',
      executor: 'process',
      allowLocalRepos: ['/usr', '/etc'],
      privateRepos: false,
      allowPrivateDestinations: false,
      maxRepoSize: '1GB',
      maxRepoFiles: '1000',
      maxRepoMinutes: '5',
      gitCa: makeCertificates(folder).caFile,
      maxConnections: '500',
      maxJobDisk: '5GB',
      maxJobFiles: '100000',
      maxLogRate: '10MB',
      network: 'none',
      maxMemory: '8GB',
      maxCpu: '1.5',
      maxJobs: '7',
      maxBuilds: '2',
      diskReserve: '1GB',
      logRetention: '30d,50GB',
      maxLogBytes: '1GB',
      logStreamCa: 'ca.pem',
      maxJobsPerHour: '5',
      maxReadsPerMinute: '6',
      maxWritesPerMinute: '8',
    };
    expect(Object.keys(flags).sort()).toEqual(
      serveCommand()
        .options.map((option) => option.attributeName())
        .sort(),
    );
    const config = readConfig(flags, {});
    const given = serveArguments(flags, config);
    expect(given).toContain(`--data-dir=${join(process.cwd(), 'relative')}`);
    const command = serveCommand().action(() => undefined);
    command.parse(given, { from: 'user' });
    expect(readConfig(command.opts(), {})).toEqual(config);
  });

  test('are the data folder alone where nothing was given', () => {
    expect(serveArguments({}, readConfig({ dataDir: '/var/lib/errand' }, {}))).toEqual([
      '--data-dir=/var/lib/errand',
    ]);
  });
});

test('a key of any characters comes back from the file of secrets', () => {
  const adminApiKey = 'a"b$HOME`id`\\c#;\'%0123456789';
  const file = join(folder, 'environment');
  writeFileSync(file, environmentText({ adminApiKey, masterKey: 'q83v+/==' }));
  const read = execFileSync(
    'sh',
    ['-c', '. "$1"; printf "%s %s" "$ERRAND_ADMIN_API_KEY" "$ERRAND_MASTER_KEY"', 'sh', file],
    {
      encoding: 'utf8',
    },
  );
  expect(read).toBe(`${adminApiKey} q83v+/==`);
});
