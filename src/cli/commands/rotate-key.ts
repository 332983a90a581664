/** `errand rotate-key`: seals everything that is secret in a data folder with a new master key. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { print } from '../output.ts';

export function rotateKeyCommand(): Command {
  return command('rotate-key', 'change the master key of a server on this machine, while it is stopped')
    .option('--data-dir <folder>', "the server's data folder (default: ERRAND_DATA_DIR, else ./errand-data)")
    .addHelpText(
      'after',
      `${examples('rotate-key --data-dir /var/lib/errand')}\n
Everything that is sealed is sealed anew, all of it or nothing. The old key stays beside the new one, under its id:
backups that were made before need it. When the server gets its key as ERRAND_MASTER_KEY, set that here too and the
new key as ERRAND_NEW_MASTER_KEY; afterwards start the server with the new one.`,
    )
    .action(rotate);
}

async function rotate(options: { dataDir?: string }): Promise<void> {
  const { ConfigError } = await import('../../config.ts');
  const { rotateKey } = await import('../../safekeeping/rotate-key.ts');
  const { createLogger } = await import('../../shared/logger.ts');
  const dataDir = resolve(options.dataDir ?? process.env['ERRAND_DATA_DIR'] ?? './errand-data');
  const masterKey = process.env['ERRAND_MASTER_KEY'];
  try {
    const done = await rotateKey(
      { dataDir, ...(masterKey ? { masterKey } : {}) },
      createLogger(),
      process.env['ERRAND_NEW_MASTER_KEY'],
    );
    await print(
      `${done.values} values are sealed with the key ${done.newKeyId} now, not with ${done.oldKeyId} any more`,
    );
    if (done.unreadable > 0)
      await print(`${done.unreadable} values are as unreadable as they were: see above`);
    await print(
      done.oldKeyFile
        ? `the old key is kept as ${done.oldKeyFile}: remove it when no backup needs it any more`
        : 'start the server with ERRAND_MASTER_KEY set to the new key; backups that were made before need the old one',
    );
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}
