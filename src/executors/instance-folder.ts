/**
 * What the executors of this machine keep on disk of an instance, and how it is read. Supervisors write here without
 * the server, so these files are the truth that a restarted server begins from:
 *
 *   <data>/instances/<id>/ticket/ticket   taken (created with O_EXCL) before the command is executed
 *   <data>/instances/<id>/supervisor/     its supervisor: `supervisor.pid`, and `name` where it has one of its own
 *   <data>/exits/<name>                   the exit code, written by rename when the output is complete
 */
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, join } from 'node:path';
import { unlessAbsent } from '../shared/absence.ts';
import { formatMicros } from '../shared/clock.ts';
import { mountsBelow } from '../shared/mount-table.ts';
import { discardTree, removeTree } from '../shared/trees.ts';

const SHED_MS = 5000;
/** Written into a ticket that was taken from outside; a ticket taken by an instance is empty. */
const CLAIMED = 'claimed';

export type Ticket = { takenBy: 'instance'; at: string } | { takenBy: 'claim' };

export interface RecordedExit {
  exitCode: number;
  signal?: string;
  finishedAt: string;
}

export class InstanceFolders {
  /** One folder for each instance. */
  readonly root: string;
  readonly #dataDir: string;
  readonly #engineNames = new Map<string, string>();
  /** Tickets that instances were seen to have taken: taken is taken, whatever becomes of the file. */
  readonly #taken = new Map<string, Ticket>();
  /** One folder for the exits of all instances, so that one watch sees them all. */
  readonly exitsFolder: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.root = join(dataDir, 'instances');
    this.exitsFolder = join(dataDir, 'exits');
    for (const folder of [this.root, this.exitsFolder]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  folder(id: string): string {
    return join(this.root, id);
  }

  ticketFolder(id: string): string {
    return join(this.root, id, 'ticket');
  }

  ticketFile(id: string): string {
    return join(this.root, id, 'ticket', 'ticket');
  }

  supervisorFolder(id: string): string {
    return join(this.root, id, 'supervisor');
  }

  /** The name of the instance's supervisor and of all that it made: its own, or else the instance's id. */
  engineName(id: string): string {
    const known = this.#engineNames.get(id);
    if (known !== undefined) return known;
    const name = unlessAbsent(() => readFileSync(join(this.supervisorFolder(id), 'name'), 'utf8'));
    // One that was interrupted before its name was written has nothing under another name.
    if (!name) return id;
    this.#engineNames.set(id, name);
    return name;
  }

  exitFile(id: string): string {
    return join(this.exitsFolder, this.engineName(id));
  }

  supervisorPidFile(id: string): string {
    return join(this.supervisorFolder(id), 'supervisor.pid');
  }

  /** Makes the folder of a new instance. @throws EEXIST when there is one: a second start must not go on */
  create(id: string): void {
    mkdirSync(this.folder(id), { mode: 0o700 });
    mkdirSync(this.ticketFolder(id));
  }

  exists(id: string): boolean {
    return lstatSync(this.folder(id), { throwIfNoEntry: false }) !== undefined;
  }

  async list(): Promise<string[]> {
    return readdir(this.root);
  }

  /** Takes the ticket from outside. @returns whether it was still there to take */
  claim(id: string): boolean {
    // What was interrupted while it was made, or removed, may have no place for a ticket.
    mkdirSync(this.ticketFolder(id), { recursive: true });
    const written = join(this.folder(id), 'claim');
    writeFileSync(written, CLAIMED, { mode: 0o644 });
    try {
      // Taken with its content in one step: an empty ticket would say that the command ran.
      linkSync(written, this.ticketFile(id));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }

  /** Who took the ticket, and when; undefined while nobody has. */
  ticket(id: string): Ticket | undefined {
    const known = this.#taken.get(id);
    if (known) return known;
    // Never opened: it belongs to the instance's user, who might have put something else in its place.
    const stats = lstatSync(this.ticketFile(id), { throwIfNoEntry: false });
    if (!stats) return undefined;
    const isOurs = stats.uid === process.getuid?.();
    if (isOurs && stats.size === CLAIMED.length) return { takenBy: 'claim' };
    const ticket = { takenBy: 'instance', at: formatMicros(Math.floor(stats.mtimeMs * 1000)) } as const;
    this.#taken.set(id, ticket);
    return ticket;
  }

  /** The recorded end, once the supervisor has written it. */
  exit(id: string): RecordedExit | undefined {
    return readExit(this.exitFile(id));
  }

  /** The supervisor's process id, if it has written it. */
  supervisorPid(id: string): number | undefined {
    return readPid(this.supervisorPidFile(id));
  }

  /**
   * Removes everything of an instance, whose processes are gone; the folder last, since it knows the name under which
   * the rest is. Much that it wrote goes on taking space for a while.
   */
  async remove(id: string): Promise<void> {
    this.#removeExit(this.exitFile(id));
    await discardTree(this.folder(id), this.#dataDir).catch((error: unknown) => {
      throw stillMounted(this.folder(id), error);
    });
    this.#engineNames.delete(id);
    this.#taken.delete(id);
  }

  /** Removes folders of an instance that is over, as far as that goes in some seconds. */
  async shed(id: string, names: string[]): Promise<void> {
    const patience = AbortSignal.timeout(SHED_MS);
    for (const name of names) await removeTree(join(this.folder(id), name), patience).catch(() => undefined);
  }

  /** A supervisor that was killed while it recorded the exit left no record, but the file that was to become it. */
  #removeExit(file: string): void {
    const removed = unlessAbsent(() => {
      unlinkSync(file);
      return true;
    });
    if (removed) return;
    const begun = readdirSync(this.exitsFolder).filter((name) => name.startsWith(`${basename(file)}.`));
    for (const name of begun) rmSync(join(this.exitsFolder, name), { force: true });
  }
}

/** The same error, or one that names what keeps a folder from being removed. */
export function stillMounted(folder: string, cause: unknown): unknown {
  const mounts = mountsBelow(folder);
  if (mounts.length === 0) return cause;
  const named = mounts.slice(0, 5).map(({ target, fsType }) => `${target} (${fsType})`);
  const more = mounts.length > named.length ? ` and ${mounts.length - named.length} more` : '';
  return new Error(`${folder} cannot be removed while there is mounted: ${named.join(', ')}${more}`, {
    cause,
  });
}

/** An exit code that a supervisor wrote, and when; undefined while there is none. */
export function readExit(file: string): RecordedExit | undefined {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (!stats) return undefined;
  const text = unlessAbsent(() => readFileSync(file, 'utf8')) ?? '';
  // After a loss of power a file may be there and empty: that is no exit code, least of all 0.
  if (!/^\d+$/.test(text)) return undefined;
  const signal = signalName(Number(text));
  return {
    exitCode: Number(text),
    finishedAt: formatMicros(Math.floor(stats.mtimeMs * 1000)),
    ...(signal ? { signal } : {}),
  };
}

/** The process id in a file; undefined while there is none. */
export function readPid(file: string): number | undefined {
  return Number(unlessAbsent(() => readFileSync(file, 'utf8').trim())) || undefined;
}

/** Shells and inits report "ended by signal n" as 128 + n. */
function signalName(exitCode: number): string | undefined {
  const number = exitCode - 128;
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
