/** What a server needs before anyone can call it: a workspace and an admin key. */
import type { Context } from '../context.ts';
import { findKeyByHash } from '../db/queries/api-keys.ts';
import { findFirstWorkspace, insertWorkspace } from '../db/queries/workspaces.ts';
import { newId } from '../shared/ids.ts';
import { hashKey } from '../shared/key-proof.ts';
import { Secret } from '../shared/secret.ts';
import { addKey, generateKey } from './api-keys.ts';

/**
 * Makes the first workspace and its admin key where there is none. On later starts a configured key that is not stored
 * yet becomes another admin key of that workspace, so that an operator who lost or wants to change a key can.
 * @returns `key` only where it was made here and is known nowhere else: print it once
 */
export async function ensureFirstWorkspace(context: Context): Promise<{ created: boolean; key?: Secret }> {
  const { config, database, clock, logger } = context;
  const configured = config.adminApiKey === undefined ? undefined : new Secret(config.adminApiKey);
  return database.write(async (trx) => {
    const first = await findFirstWorkspace(trx);
    if (!first) {
      const id = newId('tea');
      await insertWorkspace(trx, {
        id,
        name: 'My Workspace',
        email: 'admin@localhost',
        created_at: clock.now(),
      });
      const key = configured ?? generateKey();
      await addKey(trx, clock, { workspaceId: id, name: 'admin', role: 'admin', key });
      return { created: true, ...(configured ? {} : { key }) };
    }
    if (configured) {
      const stored = await findKeyByHash(trx, hashKey(configured.reveal()));
      if (!stored) {
        await addKey(trx, clock, {
          workspaceId: first.id,
          name: 'ERRAND_ADMIN_API_KEY',
          role: 'admin',
          key: configured,
        });
      } else if (stored.revoked_at !== null) {
        logger.warn('the key in ERRAND_ADMIN_API_KEY was revoked and stays so; set another');
      }
    }
    return { created: false };
  });
}
