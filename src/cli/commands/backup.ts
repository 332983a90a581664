/** `errand backup FILE`: copies the database of a server, which may be running, from its data folder. */
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { command, examples } from '../command.ts';
import { print } from '../output.ts';

export function backupCommand(): Command {
  return command('backup', 'copy the database of a server on this machine, also while it runs')
    .argument('<file>', 'where the copy goes; it must not exist')
    .option('--data-dir <folder>', "the server's data folder (default: ERRAND_DATA_DIR, else ./errand-data)")
    .addHelpText(
      'after',
      `${examples('backup /var/backups/errand.db --data-dir /var/lib/errand')}\n
The copy holds everything but output, artifacts and the key that encrypts secrets (master.key): copy those as files.
To restore, put it in the data folder as errand.db, without the old errand.db-wal and errand.db-shm, and start the
server: jobs that had not ended in the copy are failed as lost, so that none runs twice.`,
    )
    .action(backup);
}

async function backup(file: string, options: { dataDir?: string }): Promise<void> {
  const { copyDatabase } = await import('../../db/backup.ts');
  const { SystemClock } = await import('../../shared/clock.ts');
  const dataDir = resolve(options.dataDir ?? process.env['ERRAND_DATA_DIR'] ?? './errand-data');
  copyDatabase(join(dataDir, 'errand.db'), resolve(file), new SystemClock().now());
  await print(`${resolve(file)} is a copy of ${join(dataDir, 'errand.db')}`);
}
