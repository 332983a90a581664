/** `errand serve`: the server itself. Everything of it is loaded only here. */
import type { Command } from 'commander';
import type { ServeFlags } from '../../config.ts';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { withServeFlags } from '../serve-flags.ts';

export function serveCommand(): Command {
  return withServeFlags(
    command('serve', 'run the server: API, dispatcher and background loops in one process'),
  )
    .addHelpText(
      'after',
      `${examples('serve --data-dir /var/lib/errand', 'serve --port 9000 --max-memory 8GB --allow-local-repos')}\n
Environment: ERRAND_ADMIN_API_KEY is the key that the first start installs (else one is made and printed once);
ERRAND_MASTER_KEY encrypts what is secret (else a file in the data folder does).
Stop it with SIGTERM or Ctrl-C; running jobs go on and the next start finds them again.`,
    )
    .action(serve);
}

async function serve(flags: ServeFlags): Promise<void> {
  const { ConfigError, readConfig } = await import('../../config.ts');
  try {
    // The settings first: what is wrong with them is said before anything else is loaded.
    const config = readConfig(flags, process.env);
    const { runServer } = await import('../../server.ts');
    await runServer(config);
  } catch (error) {
    if (error instanceof ConfigError) throw new UsageError(error.message);
    throw error;
  }
}
