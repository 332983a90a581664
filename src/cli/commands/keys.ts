/** `errand keys`: create, list, revoke. */
import { Argument, type Command, Option } from 'commander';
import type { ApiKey } from '../../api/contract-types.ts';
import { isId } from '../../shared/ids.ts';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { cell, paint, print, printJson, say, table } from '../output.ts';
import { gatherPages, readLimit } from '../pages.ts';
import { connect } from '../session.ts';

const ROLES = ['viewer', 'developer', 'admin'] as const;
type Role = (typeof ROLES)[number];

export function keysCommand(): Command {
  return command('keys', 'the API keys of the workspace')
    .addCommand(
      withOutput(command('create', 'make a key; it is shown this once'))
        .argument('<name>', 'to tell it from others')
        .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('developer'))
        .addHelpText(
          'after',
          `${examples('keys create ci', 'keys create dashboards --role viewer')}\n
A viewer reads all but secrets; a developer runs jobs and changes services; an admin manages keys, too.`,
        )
        .action(create),
    )
    .addCommand(
      withOutput(command('list', 'the keys, newest first, without the keys themselves'))
        .option('--limit <n>', 'how many at most', '100')
        .addHelpText('after', examples('keys list', 'keys list --json'))
        .action(list),
    )
    .addCommand(
      command('revoke', 'make a key worthless, from the next request on')
        .addArgument(new Argument('<key>', 'id, as `errand keys list` shows it'))
        .addHelpText('after', examples('keys revoke key-c3rfdgg6n88pa7t3a6ag'))
        .action(revoke),
    );
}

async function create(name: string, options: OutputOptions & { role: Role }): Promise<void> {
  const made = await connect().call('create-key', { body: { name, role: options.role } });
  if (wantsJson(options)) return printJson(made);
  say(`${made.apiKey.id} (${made.apiKey.role}): keep this key, it is not shown again`);
  return print(made.key);
}

async function list(options: OutputOptions & { limit: string }): Promise<void> {
  const client = connect();
  const limit = readLimit(options.limit);
  const items = await gatherPages(limit, (query) => client.call('list-keys', { query }));
  const keys = items.map(({ apiKey }) => apiKey);
  if (wantsJson(options)) return printJson(keys);
  const rows = keys.map((key) => [
    key.id,
    cell(key.name),
    key.role,
    `${key.prefix}…`,
    key.createdAt.slice(0, 10),
    key.lastUsedAt?.slice(0, 16).replace('T', ' ') ?? 'never',
    state(key),
  ]);
  return print(table(['ID', 'NAME', 'ROLE', 'KEY', 'CREATED', 'LAST USE', 'STATE'], rows));
}

const state = (key: ApiKey): string => (key.revokedAt ? paint('red', 'revoked') : paint('green', 'valid'));

async function revoke(id: string): Promise<void> {
  if (!isId(id, 'key'))
    throw new UsageError(`"${id}" is not the id of a key; \`errand keys list\` shows them`);
  await connect().call('revoke-key', { params: { keyId: id } });
  say(`${id} is revoked`);
}
