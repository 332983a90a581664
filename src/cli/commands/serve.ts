/** `errand serve`: the server itself. Everything of it is loaded only here. */
import type { Command } from 'commander';
import type { ServeFlags } from '../../config.ts';
import { command, examples } from '../command.ts';
import { UsageError } from '../exit-codes.ts';

export function serveCommand(): Command {
  return command('serve', 'run the server: API, dispatcher and background loops in one process')
    .option('--data-dir <folder>', 'where everything is kept (default: ERRAND_DATA_DIR, else ./errand-data)')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <n>', 'port to listen on, 0 for a free one (default: 8080)')
    .option('--executor <name>', 'local: sandboxes of this machine; process: no isolation, for development')
    .option('--allow-local-repos', 'accept repositories by path and file://')
    .option('--network <mode>', "host: instances share the host's network; none: they have none")
    .option('--max-memory <size>', 'memory of all running jobs together, such as 8GB')
    .option('--max-cpu <n>', 'CPUs of all running jobs together, such as 4')
    .option('--max-jobs <n>', 'running jobs at most')
    .option('--max-builds <n>', 'running builds at most')
    .option('--disk-reserve <size>', 'free space below which nothing new is accepted (default: 64MB)')
    .option(
      '--log-retention <limits>',
      'how long output is kept, up to what size: 30d, 50GB, 30d,50GB, forever',
    )
    .option(
      '--max-log-bytes <size>',
      'output of one job at most; the rest is dropped and counted (default: 10GB)',
    )
    .option('--log-stream-ca <file>', 'certificates to trust at receivers of forwarded output (PEM)')
    .option('--max-jobs-per-hour <n>', 'jobs that one key may create in an hour')
    .option('--max-reads-per-minute <n>', 'reads of one key in a minute')
    .option('--max-writes-per-minute <n>', 'other changes of one key in a minute')
    .option(
      '--max-connections <n>',
      'connections at once (default: a third of the descriptors, 5000 at most)',
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
