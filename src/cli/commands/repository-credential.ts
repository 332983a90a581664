/** `errand services set-credential`: what opens the repository of a service. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { RepositoryCredential } from '../../api/contract-types.ts';
import { command, examples, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { UsageError } from '../exit-codes.ts';
import { print, printJson } from '../output.ts';
import { connect, findService } from '../session.ts';

interface Options extends OutputOptions {
  tokenFile?: string;
  username?: string;
  sshKey?: string;
  knownHosts?: string;
  remove?: boolean;
}

export function setCredentialCommand(): Command {
  return withOutput(command('set-credential', 'give a service what opens its repository, or take it away'))
    .argument('<service>', 'name or id')
    .option('--token-file <file>', 'token for an https address; - reads it from standard input')
    .option('--username <name>', 'the user that the token is for, where the host wants to know')
    .option('--ssh-key <file>', 'private key without a passphrase, for an ssh address; - for standard input')
    .option('--known-hosts <file>', 'keys of the ssh host; otherwise those that it shows first are kept')
    .option('--remove', 'take it away')
    .addHelpText(
      'after',
      `${examples(
        'services set-credential web --token-file ./token',
        'services set-credential web --ssh-key ./deploy-key --known-hosts ./known_hosts',
        'services set-credential web --remove',
      )}\n
The server keeps it encrypted and never shows it. Without an option the command says which kind there is.`,
    )
    .action(setCredential);
}

async function setCredential(nameOrId: string, options: Options): Promise<void> {
  const { tokenFile, sshKey, username, knownHosts, remove } = options;
  const given = [tokenFile, sshKey, remove].filter((one) => one !== undefined);
  if (given.length > 1) throw new UsageError('--token-file, --ssh-key and --remove exclude each other');
  if (username !== undefined && !tokenFile) throw new UsageError('--username goes with --token-file');
  if (knownHosts !== undefined && !sshKey) throw new UsageError('--known-hosts goes with --ssh-key');
  const body = {
    ...(tokenFile ? { token: readInput('--token-file', tokenFile).trim() } : {}),
    ...(username === undefined ? {} : { username }),
    ...(sshKey ? { sshPrivateKey: readInput('--ssh-key', sshKey) } : {}),
    ...(knownHosts === undefined ? {} : { knownHosts: readInput('--known-hosts', knownHosts) }),
  };
  const client = connect();
  const params = { serviceId: (await findService(client, nameOrId)).id! };
  if (remove) await client.call('delete-repository-credential', { params });
  const state =
    tokenFile || sshKey
      ? await client.call('set-repository-credential', { params, body })
      : await client.call('get-repository-credential', { params });
  return wantsJson(options) ? printJson(state) : print(sentence(state));
}

/** Never an argument: those can be seen by everybody on the machine. */
function readInput(flag: string, file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag} ${file}: ${(error as Error).message}`);
  }
}

const KINDS = { none: 'no credential', token: 'a token', sshKey: 'a private key' } as const;

function sentence({ type, username, hostKey }: RepositoryCredential): string {
  const details = [
    ...(username ? [`for user ${username}`] : []),
    ...(hostKey ? [`the key of the host is ${hostKey}`] : []),
  ];
  return [KINDS[type], ...details].join(', ');
}
