/** `errand restore`: brings a backup back, and says what becomes of the work that a copy holds back. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { print } from '../output.ts';

interface RestoreOptions {
  dataDir?: string;
  resume?: boolean;
  fail?: boolean;
}

type Decision = 'resume' | 'fail';

export function restoreCommand(): Command {
  return command('restore', 'bring a backup back, or say what becomes of the jobs that wait in a copy')
    .argument('[backup]', 'what `errand backup` made: a file or a folder')
    .option('--data-dir <folder>', "the server's data folder (default: ERRAND_DATA_DIR, else ./errand-data)")
    .option('--resume', 'jobs that wait in the copy start; those that ran elsewhere are lost')
    .option('--fail', 'jobs and deploys that had not ended in the copy fail as lost')
    .addHelpText(
      'after',
      `${examples(
        'restore /var/backups/errand --data-dir /var/lib/errand',
        'restore --fail --data-dir /var/lib/errand',
      )}\n
A backup is brought back while no server runs on the folder, which must not have a database. A server on a folder that
was restored, copied or cloned starts no job that had not ended in it, because it may have run elsewhere since. Choose
--resume when what the copy was made of is gone and was so from the instant of the copy on; else choose --fail.`,
    )
    .action(restore);
}

async function restore(backup: string | undefined, options: RestoreOptions): Promise<void> {
  const { ConfigError } = await import('../../config.ts');
  const decision = decisionIn(options);
  if (backup === undefined && !decision) {
    throw new UsageError(
      'name a backup, or say --resume or --fail of what is held back; --help tells of both',
    );
  }
  const dataDir = resolve(options.dataDir ?? process.env['ERRAND_DATA_DIR'] ?? './errand-data');
  try {
    const isHeld = backup === undefined || (await bringBack(resolve(backup), dataDir));
    if (!isHeld) await print('nothing in it waits or runs: start the server');
    else if (decision) await say(dataDir, decision);
    else
      await print(
        'jobs that had not ended are held back: `errand restore --resume` or `errand restore --fail`',
      );
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}

function decisionIn({ resume, fail }: RestoreOptions): Decision | undefined {
  if (resume && fail) throw new UsageError('--resume and --fail exclude each other: choose one');
  if (resume) return 'resume';
  return fail ? 'fail' : undefined;
}

/** @returns whether something is held back in it */
async function bringBack(backup: string, dataDir: string): Promise<boolean> {
  const { restore: bring } = await import('../../safekeeping/restore.ts');
  const { createLogger } = await import('../../shared/logger.ts');
  const masterKey = process.env['ERRAND_MASTER_KEY'];
  const settings = { dataDir, ...(masterKey ? { masterKey } : {}) };
  const silent = createLogger(() => undefined);
  const { held, copiedAt, lacks } = await bring(settings, backup, silent);
  await print(`${dataDir} has the state of ${copiedAt}`);
  for (const what of lacks) await print(`still missing: ${what}`);
  return held !== undefined;
}

async function say(dataDir: string, decision: Decision): Promise<void> {
  const { decide } = await import('../../safekeeping/restore.ts');
  const { createLogger } = await import('../../shared/logger.ts');
  const { why } = await decide(
    dataDir,
    decision,
    createLogger(() => undefined),
  );
  const what = decision === 'resume' ? 'goes on' : 'is ended as lost';
  await print(`what had not ended in ${dataDir} ${what}, as soon as a server runs on it (${why})`);
}
