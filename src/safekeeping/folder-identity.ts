/**
 * What tells a data folder from a copy of it. The file `identity` says of itself which inode it is, when that was made,
 * on which kind of file system and on which machine: no program can give a copy the same inode and time of birth. All of
 * these stay as they are over restarts, upgrades of the kernel, `mv` within the file system, and mounts in other places;
 * the number of the device does not, and neither does the id of some file systems (XFS makes it from that number), so
 * they are left out. The file also holds a token that the database knows. Each start makes the file anew, and so does
 * use from time to time: an earlier database, put back in the place of the present one, does not know the token.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from '../config.ts';
import type { Database, Queries } from '../db/open.ts';
import { findSetting, putSetting } from '../db/queries/settings.ts';

interface Identity {
  token: string;
  inode: string;
  /** Nanoseconds; '0' where the file system does not know. */
  born: string;
  /** Kind of the file system, as the kernel numbers it. */
  fileSystem: number;
  /** '' where the machine has no id. */
  machine: string;
  /** The data folder, by the path that it was used under. */
  folder: string;
}

/** What the identity of a folder and its database say. */
export type Verdict =
  | { kind: 'own' }
  /** @property movedFrom the path that the folder was used under, where that is another than now */
  | { kind: 'copy'; why: string; movedFrom?: string };

const TOKENS = 'folder_tokens';
const MACHINE_ID_FILE = '/etc/machine-id';

export const identityFile = (dataDir: string): string => join(dataDir, 'identity');

/**
 * A folder that was in use and has lost its database: with a new one its running jobs would be nobody's, and be removed.
 * @throws ConfigError
 */
export function requireDatabaseOfUsedFolder(dataDir: string): void {
  if (existsSync(join(dataDir, 'errand.db')) || !existsSync(identityFile(dataDir))) return;
  throw new ConfigError(
    `the data folder ${dataDir} was in use, and its database errand.db is missing: nothing was started. Bring a backup ` +
      `back (errand restore BACKUP --data-dir ${dataDir}), or, to begin anew, empty the folder`,
  );
}

/** Compares the folder with what it and its database say about themselves; changes nothing. @throws ConfigError */
export async function inspectFolder(dataDir: string, queries: Queries): Promise<Verdict> {
  const stored = await findSetting(queries, TOKENS);
  const tokens = stored === undefined ? undefined : (JSON.parse(stored) as string[]);
  const found = readIdentity(identityFile(dataDir));
  if (!found) {
    // Nothing says otherwise on a first start, and on the first one of a server that keeps identities.
    if (!tokens) return { kind: 'own' };
    return { kind: 'copy', why: 'it lacks the file "identity", which a start of the server leaves there' };
  }
  const { said, is } = found;
  const movedFrom = said && said.folder !== dataDir ? { movedFrom: said.folder } : {};
  const difference = said ? differenceOf(said, is) : 'its file "identity" cannot be understood';
  if (difference) return { kind: 'copy', why: difference, ...movedFrom };
  if (!tokens?.includes(said!.token)) {
    return {
      kind: 'copy',
      why: 'its database is not the one that was there last: an earlier one was put in its place',
    };
  }
  return { kind: 'own' };
}

/**
 * Gives the folder a new identity. Before and after the database is changed, and whenever it is interrupted, the file
 * is one that the database knows. @param also written in the same transaction
 */
export async function renewIdentity(
  dataDir: string,
  database: Database,
  also: (trx: Queries) => Promise<void> = async () => undefined,
): Promise<void> {
  const file = identityFile(dataDir);
  const present = readIdentity(file)?.said?.token;
  const next = writeIdentity(`${file}.next`, dataDir);
  await database.write(async (trx) => {
    await also(trx);
    await putSetting(trx, TOKENS, JSON.stringify(present === undefined ? [next] : [present, next]));
  }, 'jobs');
  renameSync(`${file}.next`, file);
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

/** @returns the token of the new file */
function writeIdentity(file: string, dataDir: string): string {
  rmSync(file, { force: true });
  const handle = openSync(file, 'wx', 0o600);
  try {
    const { ino, birthtimeNs } = fstatSync(handle, { bigint: true });
    const identity: Identity = {
      token: randomBytes(16).toString('hex'),
      inode: String(ino),
      born: String(birthtimeNs),
      fileSystem: statfsSync(file).type,
      machine: machineId(),
      folder: dataDir,
    };
    writeSync(handle, `${JSON.stringify(identity)}\n`);
    fsyncSync(handle);
    return identity.token;
  } finally {
    closeSync(handle);
  }
}

type Actual = Pick<Identity, 'inode' | 'born' | 'fileSystem' | 'machine'>;

/** What the file says, and what it is. @returns undefined where there is none */
function readIdentity(file: string): { said: Identity | undefined; is: Actual } | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ConfigError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  const { ino, birthtimeNs } = statSync(file, { bigint: true });
  const is = {
    inode: String(ino),
    born: String(birthtimeNs),
    fileSystem: statfsSync(file).type,
    machine: machineId(),
  };
  return { said: parse(text), is };
}

function parse(text: string): Identity | undefined {
  try {
    const said = JSON.parse(text) as Identity;
    return typeof said?.token === 'string' ? said : undefined;
  } catch {
    return undefined;
  }
}

function differenceOf(said: Identity, is: Actual): string | undefined {
  if (said.machine !== is.machine && said.machine !== '' && is.machine !== '') {
    return `it was used on the machine ${said.machine} last, and this is ${is.machine}`;
  }
  const knowsBirth = said.born !== '0' && is.born !== '0';
  const isSame =
    said.inode === is.inode && said.fileSystem === is.fileSystem && (!knowsBirth || said.born === is.born);
  return isSame ? undefined : `it was copied from ${said.folder}, as its file "identity" shows`;
}

/** Of the installation; made once, and kept by upgrades. Containers often have none, or an empty file. */
function machineId(): string {
  try {
    const text = readFileSync(MACHINE_ID_FILE, 'utf8').trim();
    return /^[0-9a-f]{32}$/.test(text) ? text : '';
  } catch {
    return '';
  }
}
