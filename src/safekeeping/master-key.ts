/**
 * The master key: 32 bytes that seal what is secret, from `ERRAND_MASTER_KEY` or a file in the data folder. The database
 * holds a probe that only its own key opens, so another one is noticed before anything is done with it. A key is made
 * where nothing was ever sealed, and nowhere else: beside sealed values a new one would be of no use and look like one.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type Config, ConfigError } from '../config.ts';
import type { Database, Queries } from '../db/open.ts';
import { selectSealed } from '../db/queries/sealed-values.ts';
import { findSetting, putSetting } from '../db/queries/settings.ts';
import { SEALED_COLUMNS } from '../services/sealed-columns.ts';
import type { Logger } from '../shared/logger.ts';
import { KEY_BYTES, Vault } from '../shared/vault.ts';

export type KeySettings = Pick<Config, 'dataDir' | 'masterKey'>;

const PROBE = 'key_probe';
const PROBE_BINDING = `settings/${PROBE}`;
const VARIABLE = 'ERRAND_MASTER_KEY';
const WAYS =
  `Put its own key back: as the file master.key in the data folder (32 bytes, kept apart from backups), or as ` +
  `${VARIABLE}. See docs/recovery.md, "The master key".`;

/** The key, and what it is called in messages: the variable or the file that it is from. */
export interface FoundKey {
  vault: Vault;
  from: string;
}

export const keyFile = (dataDir: string): string => join(dataDir, 'master.key');
/** Where a change of the key keeps the new one until the database is sealed with it. */
export const nextKeyFile = (dataDir: string): string => `${keyFile(dataDir)}.new`;

/**
 * Opens the vault that the database was sealed with; on the first start with a key that is made then.
 * @throws ConfigError when the key is missing or another one; nothing is changed then
 */
export async function openVault(settings: KeySettings, database: Database, logger: Logger): Promise<Vault> {
  const found = findKey(settings);
  const probe = await readProbe(database.read);
  if (probe) {
    const right = found?.vault.opens(probe.sealed, PROBE_BINDING)
      ? found.vault
      : finishedRotation(settings, probe, logger);
    if (right) return right;
    throw notTheKey(settings, found, `the key ${probe.keyId}`, (key) =>
      key.opens(probe.sealed, PROBE_BINDING),
    );
  }
  const samples = await sampleSealed(database.read);
  if (samples.length > 0) requireOpening(settings, found, samples, logger);
  const { vault } = found ?? makeKey(settings.dataDir);
  await database.write((trx) => writeProbe(trx, vault));
  return vault;
}

/** The key that the settings name or the data folder holds. @throws ConfigError when it is no key */
export function findKey(settings: KeySettings): FoundKey | undefined {
  if (settings.masterKey) return { vault: new Vault(parseKey(VARIABLE, settings.masterKey)), from: VARIABLE };
  const file = keyFile(settings.dataDir);
  const key = readKeyFile(file);
  return key && { vault: new Vault(key), from: file };
}

/** @param name of the variable, for the message. @throws ConfigError without a word of the key itself */
export function parseKey(name: string, text: string): Buffer {
  const key = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64');
  if (key.length !== KEY_BYTES) throw new ConfigError(`${name} must be 32 bytes in hex or base64`);
  return key;
}

/** @returns undefined only where there is no such file. @throws ConfigError when it cannot be read or is no key */
export function readKeyFile(file: string): Buffer | undefined {
  let key: Buffer;
  try {
    key = readFileSync(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (key.length !== KEY_BYTES) throw new ConfigError(`${file} must hold 32 bytes, and has ${key.length}`);
  return key;
}

/** There whole or not at all: half a key would shut out what it is to protect. */
export function writeKeyFile(file: string, key: Buffer): void {
  writeFileSync(`${file}.partial`, key, { mode: 0o600, flush: true });
  renameSync(`${file}.partial`, file);
  syncFolderOf(file);
}

/** Which key the database is sealed with, and that it is: undefined before the first start of a server that keeps this. */
export async function readProbe(queries: Queries): Promise<{ keyId: string; sealed: string } | undefined> {
  const text = await findSetting(queries, PROBE);
  return text === undefined ? undefined : (JSON.parse(text) as { keyId: string; sealed: string });
}

export async function writeProbe(trx: Queries, vault: Vault): Promise<void> {
  await putSetting(
    trx,
    PROBE,
    JSON.stringify({ keyId: vault.keyId, sealed: vault.seal('errand', PROBE_BINDING) }),
  );
}

/**
 * Makes the new key of a change the key of the folder, once the database is sealed with it. The old one stays beside it
 * under its id: backups that were made before need it.
 * @returns where the old one is
 */
export function putNextKeyInPlace(dataDir: string): string | undefined {
  const old = readKeyFile(keyFile(dataDir));
  const kept = old && `${keyFile(dataDir)}.${new Vault(old).keyId}`;
  // Copied first: there is no instant without the file that holds it.
  if (old && kept) writeKeyFile(kept, old);
  renameSync(nextKeyFile(dataDir), keyFile(dataDir));
  syncFolderOf(keyFile(dataDir));
  return kept;
}

/** Finishes a change of the key that was interrupted after the database was sealed anew. */
function finishedRotation(
  { dataDir, masterKey }: KeySettings,
  probe: { sealed: string },
  logger: Logger,
): Vault | undefined {
  if (masterKey) return undefined;
  const next = readKeyFile(nextKeyFile(dataDir));
  if (!next) return undefined;
  const vault = new Vault(next);
  if (!vault.opens(probe.sealed, PROBE_BINDING)) return undefined;
  const oldKey = putNextKeyInPlace(dataDir);
  logger.info('finished a change of the master key that was interrupted', { key: vault.keyId, oldKey });
  return vault;
}

function makeKey(dataDir: string): FoundKey {
  const key = randomBytes(KEY_BYTES);
  writeKeyFile(keyFile(dataDir), key);
  return { vault: new Vault(key), from: keyFile(dataDir) };
}

interface Sample {
  what: string;
  sealed: string;
  boundTo: string;
}

/** A few sealed values of each kind: all of them may be many. */
const SAMPLES = 3;

async function sampleSealed(queries: Queries): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const column of SEALED_COLUMNS) {
    for (const { keys, sealed } of await selectSealed(queries, column, SAMPLES)) {
      samples.push({ what: column.table, sealed, boundTo: column.boundTo(keys) });
    }
  }
  return samples;
}

/** Databases without a probe are older than it: whether the key is theirs is asked of what they hold. */
function requireOpening(
  settings: KeySettings,
  found: FoundKey | undefined,
  samples: Sample[],
  logger: Logger,
): void {
  const shut = (key: Vault): Sample[] => samples.filter(({ sealed, boundTo }) => !key.opens(sealed, boundTo));
  const failed = found ? shut(found.vault) : samples;
  if (failed.length === samples.length) {
    throw notTheKey(settings, found, 'another key', (key) => shut(key).length < samples.length);
  }
  if (failed.length > 0) {
    logger.error(
      'some of what is sealed was sealed with another master key and cannot be opened',
      undefined,
      {
        tables: [...new Set(failed.map(({ what }) => what))],
      },
    );
  }
}

function notTheKey(
  settings: KeySettings,
  found: FoundKey | undefined,
  wanted: string,
  opens: (key: Vault) => boolean,
): ConfigError {
  const { dataDir } = settings;
  const others = otherKeys(dataDir).filter(({ from, vault }) => from !== found?.from && opens(vault));
  const hint = others.length > 0 ? ` ${others[0]!.from} holds it.` : '';
  const what = found
    ? `${found.from} is not the master key of the database in ${dataDir}: it is the key ${found.vault.keyId}, and what is secret there was sealed with ${wanted}.`
    : `the master key is missing: there is no file ${keyFile(dataDir)} and ${VARIABLE} is not set, and the database there holds what was sealed with ${wanted}.`;
  return new ConfigError(`${what}${hint} Nothing was changed. ${WAYS}`);
}

/** Keys that lie about in the data folder, as a change of the key leaves them. */
function otherKeys(dataDir: string): FoundKey[] {
  const prefix = basename(keyFile(dataDir));
  return readdirSync(dataDir)
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => {
      const from = join(dataDir, name);
      try {
        return [{ vault: new Vault(readFileSync(from)), from }];
      } catch {
        // Whatever it is, it is no hint.
        return [];
      }
    });
}

function syncFolderOf(file: string): void {
  const folder = openSync(join(file, '..'), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
