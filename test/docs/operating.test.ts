/** The page for operators names what the unit and the commands really have. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { doctorCommand } from '../../src/cli/commands/doctor.ts';
import { installServiceCommand } from '../../src/cli/commands/install-service.ts';
import { serviceUnit } from '../../src/systemd/unit.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8');

test('every option that is given to a command is one of its options', () => {
  for (const command of [doctorCommand(), installServiceCommand()]) {
    const known = [...command.options.map(({ long }) => long), '--help'];
    const used = page
      .split('\n')
      .filter((line) => line.includes(`errand ${command.name()}`))
      .flatMap((line) => line.slice(line.indexOf(`errand ${command.name()}`)).match(/--[a-z-]+/g) ?? []);
    expect(used.filter((option) => !known.includes(option))).toEqual([]);
  }
});

test('what it warns of is not in the unit, and the files are where it says', () => {
  const unit = serviceUnit({
    name: 'errand',
    script: '/opt/errand/script/errand',
    dataDir: '/var/lib/errand',
    arguments: [],
    environmentFile: '/etc/errand/environment',
  });
  const warned = ['ProtectKernelTunables', 'ProtectKernelLogs', 'ProtectControlGroups', 'RestrictNamespaces'];
  for (const setting of warned) {
    expect(page).toContain(setting);
    expect(unit).not.toMatch(new RegExp(`^${setting}=`, 'm'));
  }
  const defaults = installServiceCommand().opts() as { unitFolder: string; name: string };
  expect(page).toContain(`\`${defaults.unitFolder}/${defaults.name}.service\``);
  expect(page).toContain('`/etc/errand/environment`');
});
