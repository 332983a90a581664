/** What every command needs: the server, the workspace, and things found by name. */
import type { Deploy, Service } from '../api/contract-types.ts';
import { type Client, createClient } from '../client/client.ts';
import { isId } from '../shared/ids.ts';
import { UsageError } from './exit-codes.ts';

/** Something was found too often or not at all, or went wrong in a way that the message tells: exit code 1. */
export class CommandError extends Error {}

export const DEFAULT_HOST = 'http://127.0.0.1:8080';

/** Host and key from the environment: `ERRAND_*` first, then `RENDER_*`, whose tools people have set up already. */
export function connect(env: Record<string, string | undefined> = process.env): Client {
  const host = env['ERRAND_HOST'] || env['RENDER_HOST'] || DEFAULT_HOST;
  const apiKey = env['ERRAND_API_KEY'] || env['RENDER_API_KEY'];
  if (!apiKey) {
    throw new UsageError('no API key: set ERRAND_API_KEY (the first start of `errand serve` prints one)');
  }
  try {
    return createClient({ host, apiKey, requiresProof: true });
  } catch (error) {
    throw new UsageError(`ERRAND_HOST: ${(error as Error).message}`);
  }
}

/** The workspace that the key belongs to. */
export async function ownerId(client: Client): Promise<string> {
  const [first] = await client.call('list-owners', { query: { limit: 1 } });
  if (!first?.owner) throw new CommandError('the key belongs to no workspace');
  return first.owner.id;
}

/** A service by id, or by its name. @throws CommandError when none or several have the name */
export async function findService(client: Client, nameOrId: string): Promise<Service> {
  if (isId(nameOrId, 'srv', 'crn')) {
    return client.call('retrieve-service', { params: { serviceId: nameOrId } });
  }
  const found = await client.call('list-services', { query: { name: [nameOrId], limit: 20 } });
  const services = found.map(({ service }) => service).filter((service) => service.name === nameOrId);
  if (services.length > 1) {
    const ids = services.map(({ id }) => id).join(', ');
    throw new CommandError(`several services are named "${nameOrId}"; name one by its id: ${ids}`);
  }
  if (!services[0]) {
    throw new CommandError(`no service is named "${nameOrId}"; \`errand services list\` shows all`);
  }
  return services[0];
}

/** @throws UsageError when the text is not the id of a job */
export function jobId(text: string): string {
  if (!isId(text, 'job'))
    throw new UsageError(`"${text}" is not the id of a job, such as job-c3rfdgg6n88pa7t3a6ag`);
  return text;
}

/** Starts a deploy of the service. A server may answer without a body; the newest deploy is it then. */
export async function startDeploy(
  client: Client,
  serviceId: string,
  options: { clearCache?: boolean; commit?: string },
): Promise<Deploy> {
  const deploy = await client.call('create-deploy', {
    params: { serviceId },
    body: {
      ...(options.clearCache ? { clearCache: 'clear' as const } : {}),
      ...(options.commit ? { commitId: options.commit } : {}),
    },
  });
  if (deploy) return deploy;
  const [newest] = await client.call('list-deploys', { params: { serviceId }, query: { limit: 1 } });
  if (!newest?.deploy) throw new CommandError('the deploy was accepted, but the server lists none');
  return newest.deploy;
}
