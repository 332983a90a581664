/**
 * Brings a backup back into a data folder on which no server runs. Nothing that is there is replaced. The database comes
 * last: a folder that got half a backup has none, and the same can be done again.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../config.ts';
import { claimDataFolder, DataFolderInUse } from '../data-folder.ts';
import { BACKUP_MARK, markAsCopy } from '../db/backup.ts';
import { openDatabase } from '../db/open.ts';
import { presentArtifacts } from '../db/queries/artifacts.ts';
import { findSetting } from '../db/queries/settings.ts';
import { formatMicros } from '../shared/clock.ts';
import type { Logger } from '../shared/logger.ts';
import { copyExactly, copyFilesTwice } from './copy-tree.ts';
import { type Decision, type Held, openFolder, storeDecision } from './hold.ts';
import { findKey, type KeySettings, keyFile, readKeyFile, readProbe, writeKeyFile } from './master-key.ts';

export interface Restored {
  /** The instant of its state, where that is known. */
  copiedAt: string | undefined;
  /** None where nothing in it waits or runs. */
  held: Held | undefined;
  /** What has to be brought by other means before everything is as it was, in words. */
  lacks: string[];
}

/** What SQLite keeps beside a database. */
const PARTS = ['-wal', '-shm', '-journal'];

/**
 * @param from a backup: the database, or a folder with it
 * @throws ConfigError when a server runs on the folder, when it has a database, or when there is no backup
 */
export async function restore(settings: KeySettings, from: string, logger: Logger): Promise<Restored> {
  const { dataDir } = settings;
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const source = isFolder ? join(from, 'errand.db') : from;
  if (!existsSync(source)) throw new ConfigError(`there is no backup at ${source}`);
  const folder = claimDataFolder(dataDir);
  try {
    const file = join(dataDir, 'errand.db');
    if (existsSync(file)) {
      throw new ConfigError(
        `${file} is there already: a restore replaces nothing. Move it away together with errand.db-wal and errand.db-shm, or name another --data-dir`,
      );
    }
    if (isFolder) await bringFiles(from, dataDir);
    for (const part of PARTS) rmSync(`${file}${part}`, { force: true });
    const partial = `${file}.partial`;
    for (const part of PARTS) rmSync(`${partial}${part}`, { force: true });
    for (const part of ['', '-wal']) {
      if (existsSync(`${source}${part}`)) copyFileSync(`${source}${part}`, `${partial}${part}`);
    }
    // A copy that was made by other means does not say when: not after it was last written to.
    markAsCopy(partial, formatMicros(Math.floor(statSync(source).mtimeMs * 1000)));
    renameSync(partial, file);
    return await describe(settings, logger);
  } finally {
    folder.release();
  }
}

/**
 * What is held back in a folder on which no server runs: found out now where that was not yet.
 * @throws ConfigError when a server runs on it, or when there is no database
 */
export async function inspectHold(dataDir: string, logger: Logger): Promise<Held | undefined> {
  requireDatabase(dataDir);
  const folder = claimDataFolder(dataDir);
  try {
    const database = await openDatabase(join(dataDir, 'errand.db'));
    try {
      return (await openFolder(dataDir, database, logger)).held;
    } finally {
      await database.close();
    }
  } finally {
    folder.release();
  }
}

/**
 * Says what becomes of the work that a copied folder holds back. A server that runs on it acts at once, another one when
 * it starts. @throws ConfigError when nothing is held back
 */
export async function decide(dataDir: string, decision: Decision, logger: Logger): Promise<Held> {
  requireDatabase(dataDir);
  // A folder that no server was started on since it was copied does not know yet that it is a copy.
  await inspectHold(dataDir, logger).catch((error: unknown) => {
    if (!(error instanceof DataFolderInUse)) throw error;
  });
  const held = storeDecision(dataDir, decision);
  if (!held) {
    throw new ConfigError(
      `nothing is held back in ${dataDir}: it is no copy, or it was said already what becomes of its work`,
    );
  }
  return held;
}

function requireDatabase(dataDir: string): void {
  const file = join(dataDir, 'errand.db');
  if (!existsSync(file))
    throw new ConfigError(`there is no database at ${file}: name the server's --data-dir`);
}

/** Beside what is there: files of the same name are the same. */
async function bringFiles(from: string, dataDir: string): Promise<void> {
  const artifacts = join(from, 'artifacts');
  const names = existsSync(artifacts) ? await readdir(artifacts) : [];
  if (names.length > 0) mkdirSync(join(dataDir, 'artifacts'), { recursive: true, mode: 0o700 });
  for (const name of names) {
    const to = join(dataDir, 'artifacts', name);
    if (!existsSync(to)) await copyExactly(join(artifacts, name), to);
  }
  await copyFilesTwice(join(from, 'logs'), join(dataDir, 'logs'));
  const key = readKeyFile(join(from, 'master.key'));
  if (key && !readKeyFile(keyFile(dataDir))) writeKeyFile(keyFile(dataDir), key);
}

async function describe(settings: KeySettings, logger: Logger): Promise<Restored> {
  const { dataDir } = settings;
  const database = await openDatabase(join(dataDir, 'errand.db'));
  try {
    const copiedAt = await findSetting(database.read, BACKUP_MARK);
    const { held } = await openFolder(dataDir, database, logger);
    const lacks: string[] = [];
    const missing = (await presentArtifacts(database.read)).filter(
      (id) => !existsSync(join(dataDir, 'artifacts', id)),
    );
    if (missing.length > 0) {
      const some = missing.slice(0, 5).join(', ');
      lacks.push(
        `${missing.length} artifacts, without which no job runs: ${some}${missing.length > 5 ? ', ...' : ''}`,
      );
    }
    if (!existsSync(join(dataDir, 'logs'))) lacks.push('the output of jobs and builds (the folder logs)');
    const probe = await readProbe(database.read);
    const found = findKey(settings);
    if (probe && found?.vault.keyId !== probe.keyId) {
      const instead = found
        ? `${found.from} is the key ${found.vault.keyId}`
        : `there is no ${keyFile(dataDir)}`;
      lacks.push(`the master key ${probe.keyId}: ${instead}`);
    }
    return { copiedAt, held, lacks };
  } finally {
    await database.close();
  }
}
