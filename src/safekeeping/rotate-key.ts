/**
 * A change of the master key, while no server runs on the data folder. The new key is on disk before anything is sealed
 * with it; everything is sealed anew in one transaction, together with the probe that says which key opens it; only
 * then do the files change their names. Killed at any point, one of the two keys is the right one, and the next start
 * knows which.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config.ts';
import { claimDataFolder } from '../data-folder.ts';
import { type Database, openDatabase, type Queries } from '../db/open.ts';
import { replaceSealed, type SealedRow, selectSealed } from '../db/queries/sealed-values.ts';
import { SEALED_COLUMNS } from '../services/sealed-columns.ts';
import type { Logger } from '../shared/logger.ts';
import { KEY_BYTES, Vault } from '../shared/vault.ts';
import {
  type KeySettings,
  nextKeyFile,
  openVault,
  parseKey,
  putNextKeyInPlace,
  writeKeyFile,
  writeProbe,
} from './master-key.ts';

export interface Rotation {
  oldKeyId: string;
  newKeyId: string;
  /** How many values were sealed anew. */
  values: number;
  /** How many the old key did not open: they are as they were. */
  unreadable: number;
  /** Where the old key is kept; none when it came from the environment. */
  oldKeyFile?: string;
}

const PAGE = 500;

/**
 * Seals everything with a new key.
 * @param given the new key in hex or base64; else one is made. Needed where the present one comes from the environment
 * @throws ConfigError when a server runs on the folder, or the present key is missing or another one
 */
export async function rotateKey(
  settings: KeySettings,
  logger: Logger,
  given: string | undefined,
): Promise<Rotation> {
  const file = join(settings.dataDir, 'errand.db');
  // A folder that was misspelt must not be made.
  if (!existsSync(file))
    throw new ConfigError(`there is no database at ${file}: name the server's --data-dir`);
  const folder = claimDataFolder(settings.dataDir);
  try {
    const database = await openDatabase(file);
    try {
      return await rotate(settings, database, logger, given);
    } finally {
      await database.close();
    }
  } finally {
    folder.release();
  }
}

async function rotate(
  settings: KeySettings,
  database: Database,
  logger: Logger,
  given: string | undefined,
): Promise<Rotation> {
  const inFile = !settings.masterKey;
  if (!inFile && given === undefined) {
    throw new ConfigError(
      'the present key comes from ERRAND_MASTER_KEY, so the new one does too: give it as ERRAND_NEW_MASTER_KEY ' +
        '(32 bytes in hex or base64, such as of `openssl rand -hex 32`), and start the server with it afterwards',
    );
  }
  const key = given === undefined ? randomBytes(KEY_BYTES) : parseKey('ERRAND_NEW_MASTER_KEY', given);
  const [from, to] = [await openVault(settings, database, logger), new Vault(key)];
  if (from.keyId === to.keyId) throw new ConfigError('the new key is the present one: nothing was changed');
  // What an interrupted change left there opens nothing: the present key was just seen to be the right one.
  if (inFile) writeKeyFile(nextKeyFile(settings.dataDir), key);
  const counts = await database.write(async (trx) => {
    const sealed = await sealAnew(trx, from, to, logger);
    await writeProbe(trx, to);
    return sealed;
  });
  const oldKeyFile = inFile ? putNextKeyInPlace(settings.dataDir) : undefined;
  return { oldKeyId: from.keyId, newKeyId: to.keyId, ...counts, ...(oldKeyFile ? { oldKeyFile } : {}) };
}

type Counts = Pick<Rotation, 'values' | 'unreadable'>;

async function sealAnew(trx: Queries, from: Vault, to: Vault, logger: Logger): Promise<Counts> {
  const counts = { values: 0, unreadable: 0 };
  for (const column of SEALED_COLUMNS) {
    let page: SealedRow[] = [];
    do {
      page = await selectSealed(trx, column, PAGE, page.at(-1)?.keys);
      for (const row of page) {
        const boundTo = column.boundTo(row.keys);
        if (from.opens(row.sealed, boundTo)) {
          await replaceSealed(trx, column, row, to.seal(from.open(row.sealed, boundTo), boundTo));
          counts.values += 1;
        } else {
          // Nobody could read it before either: it is no reason to keep the old key for everything else.
          logger.warn('a value was sealed with yet another key and stays as it is', { row: boundTo });
          counts.unreadable += 1;
        }
      }
    } while (page.length === PAGE);
  }
  return counts;
}
