/** `errand workspaces`: create, list. */
import type { Command } from 'commander';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { cell, print, printJson, say, table } from '../output.ts';
import { gatherPages, readLimit } from '../pages.ts';
import { connect } from '../session.ts';

export function workspacesCommand(): Command {
  return command('workspaces', 'what holds services, keys and logs')
    .addCommand(
      withOutput(command('create', 'make a workspace with its first admin key; for the operator alone'))
        .argument('<name>', 'of the team, for example')
        .option('--email <address>', 'whom to write to about it')
        .addHelpText('after', examples('workspaces create "Team Blue" --email blue@example.com'))
        .action(create),
    )
    .addCommand(
      withOutput(command('list', 'all workspaces for the operator, else the own one'))
        .option('--limit <n>', 'how many at most', '100')
        .addHelpText('after', examples('workspaces list'))
        .action(list),
    );
}

async function create(name: string, options: OutputOptions & { email?: string }): Promise<void> {
  const body = { name, ...(options.email === undefined ? {} : { email: options.email }) };
  const made = await connect().call('create-workspace', { body });
  if (wantsJson(options)) return printJson(made);
  say(`${made.workspace.id}: keep this admin key, it is not shown again`);
  return print(made.key);
}

async function list(options: OutputOptions & { limit: string }): Promise<void> {
  const client = connect();
  const limit = readLimit(options.limit);
  const items = await gatherPages(limit, (query) => client.call('list-workspaces', { query }));
  const workspaces = items.map(({ workspace }) => workspace);
  if (wantsJson(options)) return printJson(workspaces);
  const rows = workspaces.map((one) => [one.id, cell(one.name), cell(one.email), one.createdAt.slice(0, 10)]);
  return print(table(['ID', 'NAME', 'EMAIL', 'CREATED'], rows));
}
