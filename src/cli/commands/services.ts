/** `errand services`: list, create, show, set-credential. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import type { Service, ServicePOST, ServiceType } from '../../api/contract-types.ts';
import { command, examples, gather, type OutputOptions, wantsJson, withOutput } from '../command.ts';
import { EXIT, UsageError } from '../exit-codes.ts';
import { cell, print, printJson, say } from '../output.ts';
import { deployLine, serviceFields, serviceTable } from '../presentation.ts';
import { CommandError, connect, findService, ownerId } from '../session.ts';
import { isLive, watchDeploy } from './deploy.ts';
import { setCredentialCommand } from './repository-credential.ts';

/** Short names beside the contract's. Static sites run no jobs. */
const TYPES: Record<string, ServiceType> = {
  web: 'web_service',
  web_service: 'web_service',
  private: 'private_service',
  private_service: 'private_service',
  worker: 'background_worker',
  background_worker: 'background_worker',
  cron: 'cron_job',
  cron_job: 'cron_job',
};
const RUNTIMES = ['node', 'python', 'ruby', 'go', 'rust', 'elixir', 'docker', 'image'];
const PAGE = 100;

export function servicesCommand(): Command {
  return command('services', 'the services that jobs run from')
    .addCommand(
      withOutput(command('list', 'all services, newest first'))
        .option('--name <name>', 'only the one with this name')
        .addHelpText('after', examples('services list', 'services list --json'))
        .action(list),
    )
    .addCommand(createCommand())
    .addCommand(setCredentialCommand())
    .addCommand(
      withOutput(command('show', 'one service'))
        .argument('<service>', 'name or id')
        .addHelpText('after', examples('services show web'))
        .action(show),
    );
}

interface CreateOptions extends OutputOptions {
  name: string;
  type: string;
  runtime: string;
  repo?: string;
  branch?: string;
  rootDir?: string;
  image?: string;
  buildCommand: string;
  startCommand: string;
  plan: string;
  schedule?: string;
  env?: string[];
  secretFile?: string[];
  wait?: boolean;
  raw?: boolean;
}

function createCommand(): Command {
  return withOutput(command('create', 'make a service and start its first deploy'))
    .requiredOption('--name <name>', 'its name')
    .addOption(new Option('--type <type>', 'what it is').choices(Object.keys(TYPES)).default('web'))
    .addOption(new Option('--runtime <runtime>', 'what builds it').choices(RUNTIMES).default('node'))
    .option('--repo <url>', 'git repository')
    .option('--branch <branch>', "the repository's default branch otherwise")
    .option('--root-dir <folder>', 'the part of the repository that is the project')
    .option('--image <reference>', 'container image, for the runtime image')
    .option('--build-command <command>', 'run once for each deploy', '')
    .option('--start-command <command>', 'what the service itself runs', '')
    .option('--plan <plan>', 'instance type: starter, standard, pro, ...', 'starter')
    .option('--schedule <cron>', 'when a cron job runs, in UTC')
    .option('-e, --env <KEY=VALUE>', 'environment variable; may be given several times', gather)
    .option(
      '--secret-file <NAME=PATH>',
      'file of this machine, seen at /etc/secrets/NAME; several times',
      gather,
    )
    .option('--wait', 'show the first build and wait until it is live')
    .option('--raw', 'with --wait: give a terminal every control sequence of the output, not only colours')
    .addHelpText(
      'after',
      examples(
        "services create --name web --repo https://git.example/team/web.git --build-command 'npm ci && npm run build'",
        'services create --name tasks --type worker --repo /srv/git/tasks.git --env LOG_LEVEL=debug --wait',
      ),
    )
    .action(create);
}

async function create(options: CreateOptions): Promise<void> {
  const client = connect();
  const body = serviceBody(options, await ownerId(client));
  const { service, deployId } = await client.call('create-service', { body });
  if (!service) throw new CommandError('the server answered without a service');
  if (!options.wait || !deployId) {
    return wantsJson(options) ? printJson({ service, deployId }) : print(created(service, deployId));
  }
  say(created(service, deployId));
  const deploy = await client.call('retrieve-deploy', { params: { serviceId: service.id, deployId } });
  const end = await watchDeploy(client, service.id, deploy, options);
  if (wantsJson(options)) await printJson({ service, deploy: end });
  else await print(deployLine(end, Date.now()));
  if (!isLive(end)) process.exitCode = EXIT.error;
}

function created(service: Service, deployId: string | undefined): string {
  return `${cell(service.name)} is ${service.id}${deployId ? `; its first deploy is ${deployId}` : ''}`;
}

function serviceBody(options: CreateOptions, owner: string): ServicePOST {
  const type = TYPES[options.type]!;
  const { image, runtime, plan, schedule } = options;
  if (type === 'cron_job' && !schedule)
    throw new UsageError('a cron job needs --schedule, such as "0 3 * * *"');
  if ((runtime === 'image') !== (image !== undefined)) {
    throw new UsageError('--runtime image and --image go together');
  }
  if (image === undefined && !options.repo) throw new UsageError('a service needs --repo (or --image)');
  const commands = { buildCommand: options.buildCommand, startCommand: options.startCommand };
  const details = {
    runtime,
    plan,
    ...(runtime === 'docker' || runtime === 'image' ? {} : { envSpecificDetails: commands }),
    ...(type === 'cron_job' ? { schedule } : { numInstances: 1 }),
  };
  return {
    type,
    name: options.name,
    ownerId: owner,
    ...(options.repo ? { repo: options.repo } : {}),
    ...(options.branch ? { branch: options.branch } : {}),
    ...(options.rootDir ? { rootDir: options.rootDir } : {}),
    ...(image ? { image: { ownerId: owner, imagePath: image } } : {}),
    envVars: (options.env ?? []).map(envVar),
    secretFiles: (options.secretFile ?? []).map(secretFile),
    serviceDetails: details as ServicePOST['serviceDetails'],
  };
}

function envVar(text: string): { key: string; value: string } {
  const at = text.indexOf('=');
  // The rest is not quoted back: it may be a secret.
  if (at < 1) throw new UsageError('--env must be KEY=VALUE');
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

function secretFile(text: string): { name: string; content: string } {
  const at = text.indexOf('=');
  const path = text.slice(at + 1);
  try {
    return { name: at < 1 ? basename(path) : text.slice(0, at), content: readFileSync(path, 'utf8') };
  } catch (error) {
    throw new UsageError(`--secret-file ${text}: ${(error as Error).message}`);
  }
}

async function list(options: OutputOptions & { name?: string }): Promise<void> {
  const client = connect();
  const services: Service[] = [];
  for (let cursor: string | undefined; ; ) {
    const query = { limit: PAGE, cursor, ...(options.name ? { name: [options.name] } : {}) };
    const page = await client.call('list-services', { query });
    services.push(...page.map(({ service }) => service));
    cursor = page.at(-1)?.cursor;
    if (page.length < PAGE || cursor === undefined) break;
  }
  if (wantsJson(options)) return printJson(services);
  return print(services.length === 0 ? 'no services' : serviceTable(services, Date.now()));
}

async function show(nameOrId: string, options: OutputOptions): Promise<void> {
  const service = await findService(connect(), nameOrId);
  return wantsJson(options) ? printJson(service) : print(serviceFields(service));
}
