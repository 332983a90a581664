/**
 * Backups of a data folder whose server may be running. A file is the database alone. A folder has the database and what
 * was asked for beside it; the database is copied first, so that what it names is there or is said to be missing.
 */
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config.ts';
import { copyDatabase } from '../db/backup.ts';
import { openCopy } from '../db/open.ts';
import { presentArtifacts } from '../db/queries/artifacts.ts';
import { removeTree } from '../shared/trees.ts';
import { Vault } from '../shared/vault.ts';
import { copyExactly, copyFilesTwice } from './copy-tree.ts';
import { keyFile, readKeyFile, readProbe, writeKeyFile } from './master-key.ts';

export interface BackupParts {
  artifacts: boolean;
  logs: boolean;
  key: boolean;
}

export interface Backup {
  /** What is in it, in words. */
  has: string[];
  /** What is needed to restore everything and is not in it, in words. */
  lacks: string[];
}

/**
 * @param to must not exist; appears when it is complete
 * @param now the present instant
 * @throws ConfigError when there is no database, or something there already
 */
export async function backUp(dataDir: string, to: string, parts: BackupParts, now: string): Promise<Backup> {
  const database = join(dataDir, 'errand.db');
  if (!existsSync(database))
    throw new ConfigError(`there is no database at ${database}: name the server's --data-dir`);
  if (existsSync(to)) throw new ConfigError(`${to} exists already: name what does not exist yet`);
  const isFolder = parts.artifacts || parts.logs || parts.key;
  const backup: Backup = { has: ['the database'], lacks: [] };
  if (!isFolder) {
    copyDatabase(database, to, now);
    await describeRest(backup, dataDir, to, parts);
    return backup;
  }
  const partial = `${to}.partial`;
  await removeTree(partial);
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  try {
    const copy = join(partial, 'errand.db');
    copyDatabase(database, copy, now);
    if (parts.artifacts) await copyArtifacts(backup, dataDir, partial, copy);
    if (parts.logs) {
      const files = await copyFilesTwice(join(dataDir, 'logs'), join(partial, 'logs'));
      backup.has.push(`output, ${files} files`);
    }
    await describeRest(backup, dataDir, copy, parts, partial);
    renameSync(partial, to);
    return backup;
  } catch (error) {
    await removeTree(partial);
    throw error;
  }
}

async function copyArtifacts(backup: Backup, dataDir: string, to: string, copy: string): Promise<void> {
  mkdirSync(join(to, 'artifacts'), { mode: 0o700 });
  let count = 0;
  for (const id of await artifactsOf(copy)) {
    const from = join(dataDir, 'artifacts', id);
    try {
      await copyExactly(from, join(to, 'artifacts', id));
      count += 1;
    } catch (error) {
      // One that was removed while others were copied is not needed by anything that starts from here on.
      if (existsSync(from)) throw error;
      backup.lacks.push(`artifact ${id}, which is not there (any more)`);
    }
  }
  backup.has.push(`${count} artifacts`);
}

/** Artifacts that a database says are there. */
async function artifactsOf(file: string): Promise<string[]> {
  const { queries, close } = openCopy(file);
  try {
    return await presentArtifacts(queries);
  } finally {
    close();
  }
}

async function describeRest(
  backup: Backup,
  dataDir: string,
  copy: string,
  parts: BackupParts,
  to?: string,
): Promise<void> {
  if (!parts.artifacts) backup.lacks.push('the artifacts that jobs run from (--artifacts)');
  if (!parts.logs) backup.lacks.push('the output of jobs and builds (--logs)');
  const { queries, close } = openCopy(copy);
  const probe = await readProbe(queries).finally(close);
  const key = readKeyFile(keyFile(dataDir));
  const wanted = probe ? `the master key ${probe.keyId}` : 'the master key';
  if (!key)
    backup.lacks.push(`${wanted}, which is not in the data folder: the server has it from ERRAND_MASTER_KEY`);
  else if (probe && new Vault(key).keyId !== probe.keyId) {
    backup.lacks.push(
      `${wanted}: ${keyFile(dataDir)} is the key ${new Vault(key).keyId}, which opens nothing of it`,
    );
  } else if (to && parts.key) {
    writeKeyFile(join(to, 'master.key'), key);
    backup.has.push(wanted);
  } else
    backup.lacks.push(`${wanted}: keep ${keyFile(dataDir)} at another place than this (--key puts it in)`);
}
