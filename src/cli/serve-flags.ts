/** The settings of a server as options: of `serve`, and of what looks at a server's host or installs it. */
import type { Command } from 'commander';

/** Adds the options that `readConfig` reads. */
export function withServeFlags(target: Command): Command {
  return target
    .option('--data-dir <folder>', 'where everything is kept (default: ERRAND_DATA_DIR, else ./errand-data)')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <n>', 'port to listen on, 0 for a free one (default: 8080)')
    .option('--executor <name>', 'local: sandboxes of this machine; process: no isolation, for development')
    .option(
      '--allow-local-repos [folder...]',
      'accept repositories by path and file://, below these folders or, without one, anywhere',
    )
    .option('--max-repo-size <size>', 'what a repository may have, and what it unfolds to (default: 4GB)')
    .option('--max-repo-files <n>', 'files and folders of a repository (default: 50000)')
    .option('--max-repo-minutes <n>', 'how long a repository may take to fetch (default: 30)')
    .option('--git-ca <file>', 'certificates to trust at hosts of repositories (PEM)')
    .option('--no-private-repos', 'connect to no repository at a private address')
    .option(
      '--allow-private-destinations',
      'connect to private addresses, this machine and its link for repositories and forwarded output',
    )
    .option('--network <mode>', "host: instances share the host's network; none: they have none")
    .option('--max-memory <size>', 'memory of all running jobs together, such as 8GB')
    .option('--max-cpu <n>', 'CPUs of all running jobs together, such as 4')
    .option('--max-jobs <n>', 'running jobs at most')
    .option('--max-builds <n>', 'running builds at most')
    .option('--disk-reserve <size>', 'free space that is kept for what runs (default: 256MB)')
    .option(
      '--log-retention <limits>',
      'how long output is kept, up to what size: 30d, 50GB, 30d,50GB, forever',
    )
    .option(
      '--max-log-bytes <size>',
      'output of one job at most; the rest is dropped and counted (default: 1GB, less on a small disk)',
    )
    .option('--max-log-rate <size>', 'output of one job in a second, after a first burst (default: 20MB)')
    .option('--max-job-disk <size>', 'files of one job at most (default: 10GB, less on a small disk)')
    .option(
      '--max-job-files <n>',
      'number of files of one job at most (default: 1000000, less on a small disk)',
    )
    .option('--log-stream-ca <file>', 'certificates to trust at receivers of forwarded output (PEM)')
    .option('--max-jobs-per-hour <n>', 'jobs that one key may create in an hour')
    .option('--max-reads-per-minute <n>', 'reads of one key in a minute')
    .option('--max-writes-per-minute <n>', 'other changes of one key in a minute')
    .option(
      '--max-connections <n>',
      'connections at once (default: a third of the descriptors, 5000 at most)',
    );
}
