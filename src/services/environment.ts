/**
 * The environment that a service's builds and jobs get: what its groups hold, overlaid by its own. Sealed values are
 * bound to their owner and name, so a row copied to another owner does not open.
 */
import type { Context } from '../context.ts';
import type { Queries } from '../db/open.ts';
import { groupsOfService } from '../db/queries/env-groups.ts';
import { envVarsOf } from '../db/queries/env-vars.ts';
import { secretFilesOf } from '../db/queries/secret-files.ts';
import type { ServicesTable } from '../db/schema.ts';
import { Secret } from '../shared/secret.ts';
import type { Vault } from '../shared/vault.ts';

export interface SecretFile {
  name: string;
  content: Secret;
}

export interface Environment {
  variables: Record<string, Secret>;
  secretFiles: SecretFile[];
}

/** The service's variables and secret files, decrypted. They are read as they are at this moment of `queries`. */
export async function resolveEnvironment(
  context: Pick<Context, 'vault'>,
  queries: Queries,
  service: Pick<ServicesTable, 'id'>,
): Promise<Environment> {
  const owners = await ownersInOrder(queries, service);
  const variables = new Map<string, Secret>();
  const secretFiles = new Map<string, SecretFile>();
  const [envVars, files] = [await envVarsOf(queries, owners), await secretFilesOf(queries, owners)];
  // A later owner overlays an earlier one.
  for (const owner of owners) {
    for (const row of envVars.filter((one) => one.owner_id === owner)) {
      variables.set(row.key, openValue(context.vault, owner, row.key, row.value_sealed));
    }
    for (const row of files.filter((one) => one.owner_id === owner)) {
      const content = openValue(context.vault, owner, row.name, row.content_sealed);
      secretFiles.set(row.name, { name: row.name, content });
    }
  }
  return { variables: Object.fromEntries(variables), secretFiles: [...secretFiles.values()] };
}

/**
 * Linux passes a quarter of the stack limit to a program, 2 MiB by default, variables and arguments together. What is
 * left over is for the command, and for the arguments of what it starts.
 */
const MAX_ENVIRONMENT_BYTES = 1.5 * 1024 * 1024;
/** The two characters that `KEY=VALUE` has more, and a pointer to it. */
const ENTRY_OVERHEAD_BYTES = 2 + 8;

/** Why no program can be started with these variables; undefined when one can. */
export function whyTooLarge(variables: Environment['variables']): string | undefined {
  const bytes = Object.entries(variables).reduce(
    (sum, [key, value]) =>
      sum + Buffer.byteLength(key) + Buffer.byteLength(value.reveal()) + ENTRY_OVERHEAD_BYTES,
    0,
  );
  if (bytes <= MAX_ENVIRONMENT_BYTES) return undefined;
  return (
    `the environment variables of the service and its environment groups have ${bytes} bytes together; a program can ` +
    `be started with up to ${MAX_ENVIRONMENT_BYTES}: put large values into secret files`
  );
}

/** Whose values count, weakest first: linked groups from the oldest to the newest, then the service itself. */
async function ownersInOrder(queries: Queries, service: Pick<ServicesTable, 'id'>): Promise<string[]> {
  return [...(await groupsOfService(queries, service.id)), service.id];
}

/** Encrypts a value of an owner (a service or a group) for its row. */
export function sealValue(vault: Vault, ownerId: string, name: string, value: string): string {
  return vault.seal(value, `${ownerId}/${name}`);
}

/** @throws when the sealed text was made for another owner or name, or with another key */
export function openValue(vault: Vault, ownerId: string, name: string, sealed: string): Secret {
  return new Secret(vault.open(sealed, `${ownerId}/${name}`));
}
