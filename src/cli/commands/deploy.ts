/** `errand deploy SERVICE`: builds the service anew and shows the build until it is live or failed. */
import type { Command } from 'commander';
import type { Deploy, Log } from '../../api/contract-types.ts';
import type { Client } from '../../client/client.ts';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { followDeploy } from '../follow.ts';
import { followForReader, print, printJson, say, write } from '../output.ts';
import { lineText } from '../output-lines.ts';
import { deployLine } from '../presentation.ts';
import { connect, findService, ownerId, startDeploy } from '../session.ts';

interface WatchOptions extends OutputOptions {
  raw?: boolean;
}

interface DeployOptions extends WatchOptions {
  wait: boolean;
  clearCache?: boolean;
  commit?: string;
}

export function deployCommand(): Command {
  return withOutput(command('deploy', 'build a service anew and make the result live'))
    .argument('<service>', 'name or id')
    .option('--commit <sha>', 'the commit to build; the newest of the branch otherwise')
    .option('--clear-cache', 'start from an empty build cache')
    .option('--raw', 'give a terminal every control sequence of the output, not only colours')
    .option('--no-wait', 'return as soon as the deploy is accepted')
    .addHelpText(
      'after',
      `${examples('deploy web', 'deploy web --commit 3f1c2ab --no-wait')}\n
Exit codes: 0 the deploy is live (or accepted, with --no-wait), 1 it is not, 2 wrong arguments, 141 nobody reads the
output any more (as with \`| head\`; the deploy goes on).`,
    )
    .action(deploy);
}

async function deploy(service: string, options: DeployOptions): Promise<void> {
  const client = connect();
  const { id } = await findService(client, service);
  const started = await startDeploy(client, id, options);
  const end = options.wait ? await watchDeploy(client, id, started, options) : started;
  if (wantsJson(options)) await printJson(end);
  else await print(deployLine(end, Date.now()));
  if (options.wait && !isLive(end)) process.exitCode = EXIT.error;
}

/** Shows the build's output; beside JSON on standard error. */
export async function watchDeploy(
  client: Client,
  serviceId: string,
  deploy: Deploy,
  options: WatchOptions,
): Promise<Deploy> {
  followForReader(() => `errand: nobody reads the output; ${deploy.id} goes on`);
  say(`deploy ${deploy.id} of ${serviceId}`);
  const stream = wantsJson(options) ? process.stderr : process.stdout;
  const text = lineText(options);
  const onLine = (line: Log): Promise<void> => write(stream, text(line, stream));
  return followDeploy(client, serviceId, deploy, { ownerId: await ownerId(client), onLine });
}

/** A deploy that another has replaced since was live too. */
export function isLive(deploy: Deploy): boolean {
  return deploy.status === 'live' || deploy.status === 'deactivated';
}
