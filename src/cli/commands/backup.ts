/** `errand backup`: copies what a server on this machine keeps, while it runs or not. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { print } from '../output.ts';

interface BackupOptions {
  dataDir?: string;
  artifacts?: boolean;
  logs?: boolean;
  key?: boolean;
  all?: boolean;
}

export function backupCommand(): Command {
  return command('backup', 'copy what a server on this machine keeps, also while it runs')
    .argument('<target>', 'where the copy goes; it must not exist')
    .option('--data-dir <folder>', "the server's data folder (default: ERRAND_DATA_DIR, else ./errand-data)")
    .option('--artifacts', 'with the builds that jobs run from')
    .option('--logs', 'with the output of jobs and builds')
    .option('--key', 'with the master key: who has such a copy can read every secret in it')
    .option('--all', 'with all of these')
    .addHelpText(
      'after',
      `${examples(
        'backup /var/backups/errand.db --data-dir /var/lib/errand',
        'backup /var/backups/errand --artifacts --logs --data-dir /var/lib/errand',
      )}\n
Without options the target is a file, the database alone; with one it is a folder. What is not in it is named.
\`errand restore\` brings it back.`,
    )
    .action(backup);
}

async function backup(target: string, options: BackupOptions): Promise<void> {
  const { ConfigError } = await import('../../config.ts');
  const { backUp } = await import('../../safekeeping/backup.ts');
  const { SystemClock } = await import('../../shared/clock.ts');
  const dataDir = resolve(options.dataDir ?? process.env['ERRAND_DATA_DIR'] ?? './errand-data');
  const wants = (part: 'artifacts' | 'logs' | 'key'): boolean => options.all ?? options[part] ?? false;
  const parts = { artifacts: wants('artifacts'), logs: wants('logs'), key: wants('key') };
  try {
    const { has, lacks } = await backUp(dataDir, resolve(target), parts, new SystemClock().now());
    await print(`${resolve(target)} has ${has.join(', ')} of ${dataDir}`);
    for (const what of lacks) await print(`not in it: ${what}`);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}
