/** Gives a data folder that is used a new identity from time to time, so that an earlier database in it is noticed. */
import type { Context } from '../context.ts';
import { newestTransition } from '../db/queries/jobs.ts';
import { renewIdentity } from '../safekeeping/folder-identity.ts';
import { type Loop, startLoop } from './loop.ts';

const INTERVAL_MS = 60_000;

export function startFolderIdentityLoop({ config, database, logger }: Context): Loop {
  let last: string | undefined;
  const pass = async (): Promise<void> => {
    const newest = await newestTransition(database.read);
    if (newest === last) return;
    await renewIdentity(config.dataDir, database);
    last = newest;
  };
  return startLoop('folder identity', INTERVAL_MS, pass, logger);
}
