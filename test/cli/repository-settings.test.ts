import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { serveCommand } from '../../src/cli/commands/serve.ts';
import { readConfig, type ServeFlags } from '../../src/config.ts';

const folder = mkdtempSync(join(tmpdir(), 'errand-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the command line becomes. */
function flagsOf(...args: string[]): ServeFlags {
  const command = serveCommand();
  command.parseOptions(args);
  return command.opts<ServeFlags>();
}
const configOf = (...args: string[]) => readConfig(flagsOf(...args), {});

describe('--allow-local-repos', () => {
  test('alone means any folder, absent none', () => {
    expect(configOf().repositories.localFolders).toEqual([]);
    expect(configOf('--allow-local-repos').repositories.localFolders).toEqual(['/']);
    expect(configOf('--allow-local-repos', '--port', '1').repositories.localFolders).toEqual(['/']);
  });

  test('takes folders, and each as what it is without links', () => {
    const link = join(folder, 'link');
    symlinkSync('/usr', link);
    const { localFolders } = configOf('--allow-local-repos', folder, link, '--port', '1').repositories;
    expect(localFolders).toEqual([folder, '/usr']);
  });

  test.each(['relative', '/no/such/folder'])('refuses %s', (given) => {
    expect(() => configOf('--allow-local-repos', given)).toThrow(/must name folders that exist/);
  });
});

describe('where connections may lead', () => {
  test('is private addresses for repositories and public ones for deliveries, unless said otherwise', () => {
    expect(configOf().destinations).toEqual({
      repositories: { private: true, local: false },
      deliveries: { private: false, local: false },
    });
    expect(configOf('--no-private-repos').destinations.repositories).toEqual({
      private: false,
      local: false,
    });
    expect(configOf('--allow-private-destinations').destinations).toEqual({
      repositories: { private: true, local: true },
      deliveries: { private: true, local: true },
    });
  });

  test('cannot be both', () => {
    expect(() => configOf('--no-private-repos', '--allow-private-destinations')).toThrow(/contradict/);
  });
});

test('limits of repositories and their certificates are refused in words', () => {
  expect(() => configOf('--max-repo-size', 'much')).toThrow(/--max-repo-size must be a size/);
  expect(() => configOf('--max-repo-files', '0')).toThrow(/--max-repo-files must be a whole number from 1/);
  expect(() => configOf('--max-repo-minutes', '0')).toThrow(
    /--max-repo-minutes must be a whole number from 1/,
  );
  expect(() => configOf('--git-ca', '/no/such/file')).toThrow(/--git-ca must name a file of certificates/);
  const file = join(folder, 'not-a-certificate');
  writeFileSync(file, 'nothing');
  expect(() => configOf('--git-ca', file)).toThrow(/has none/);
});
