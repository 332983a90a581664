/**
 * A data folder that is a copy holds back its work. What waits or had begun in it may have run where it was copied from,
 * and nothing on the machine can tell, so nothing starts, is followed or is ended until the operator says what it is:
 * `errand restore --resume` or `errand restore --fail`. Meanwhile the server answers what is asked of it.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { BACKUP_MARK } from '../db/backup.ts';
import { changeSettings } from '../db/change-settings.ts';
import type { Database, Queries } from '../db/open.ts';
import { deleteSetting, findSetting, putSetting } from '../db/queries/settings.ts';
import { isAnythingUnfinished } from '../db/queries/unfinished.ts';
import { ErrandError } from '../errors.ts';
import type { Logger } from '../shared/logger.ts';
import { removeTree } from '../shared/trees.ts';
import { inspectFolder, renewIdentity } from './folder-identity.ts';

export type Decision = 'resume' | 'fail';

/** Stored with the database, so that the copy of a copy asks anew. */
export interface Held {
  id: string;
  why: string;
  /** The instant of the state that it holds, where that is known. */
  copiedAt?: string;
}

const HELD = 'held';
const DECISION = 'held_decision';

export const WAYS =
  'on the machine of the server, `errand restore --resume` starts it, and `errand restore --fail` ends it';

/** Whether this server holds back its work, and why. */
export class Hold {
  #held: Held | undefined;

  constructor(held?: Held) {
    this.#held = held;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** For people; undefined when nothing is held back. */
  get why(): string | undefined {
    return (
      this.#held &&
      `is held back, because the data folder is a copy (${this.#held.why}) and it may have run elsewhere: ${WAYS}`
    );
  }

  /** @throws `unavailable` while work is held back. @param what is refused, as `new jobs` */
  requireNone(what: string): void {
    if (!this.#held) return;
    throw new ErrandError(
      'unavailable',
      `the server accepts no ${what} now: its data folder is a copy (${this.#held.why}), and what waits in it is held back: ${WAYS}`,
    );
  }

  release(): void {
    this.#held = undefined;
  }
}

/** Scratch of instances, and what is kept ready for them. */
const OF_INSTANCES = ['instances', 'exits', 'standby', 'runtime', 'try'];

/**
 * Finds out whether the folder is a copy, and stores it where it is; gives the folder a new identity either way.
 * Call it before anything touches instances.
 */
export async function openFolder(dataDir: string, database: Database, logger: Logger): Promise<Hold> {
  const verdict = await inspectFolder(dataDir, database.read);
  const copiedAt = await findSetting(database.read, BACKUP_MARK);
  const backup = copiedAt === undefined ? undefined : `it was restored from the backup of ${copiedAt}`;
  const why = backup ?? (verdict.kind === 'copy' ? verdict.why : undefined);
  if (verdict.kind === 'copy' && verdict.movedFrom) {
    // They name instances of the folder that it is a copy of: to end one of these would end it there.
    for (const name of OF_INSTANCES) await removeTree(join(dataDir, name));
  }
  await renewIdentity(dataDir, database, async (trx) => {
    if (why === undefined) return;
    await deleteSetting(trx, BACKUP_MARK);
    if (!(await isAnythingUnfinished(trx)) && !hasInstances(dataDir)) {
      logger.info('the data folder is a copy in which nothing waits or runs: it goes on like any other', {
        why,
      });
      return;
    }
    // What was said about another copy does not hold for this one; what is known of its age does.
    const known = copiedAt ?? (await heldOf(trx))?.copiedAt;
    const held: Held = { id: randomBytes(8).toString('hex'), why, ...(known ? { copiedAt: known } : {}) };
    await putSetting(trx, HELD, JSON.stringify(held));
  });
  const held = await heldOf(database.read);
  if (held) {
    logger.warn('THE DATA FOLDER IS A COPY: nothing that waits in it starts until you say so', {
      why: held.why,
      ways: WAYS,
    });
  }
  return new Hold(held);
}

/** Some may be of jobs that an earlier database does not know. */
function hasInstances(dataDir: string): boolean {
  const folder = join(dataDir, 'instances');
  return existsSync(folder) && readdirSync(folder).length > 0;
}

/** What is held back, as stored. */
export async function heldOf(queries: Queries): Promise<Held | undefined> {
  const text = await findSetting(queries, HELD);
  return text === undefined ? undefined : (JSON.parse(text) as Held);
}

/**
 * Stores what the operator said, also while a server runs on the folder; that acts on it at once, another one when it
 * starts. @returns what it is about; undefined when nothing is held back
 */
export function storeDecision(dataDir: string, decision: Decision): Held | undefined {
  return changeSettings(join(dataDir, 'errand.db'), (settings) => {
    const text = settings.get(HELD);
    if (text === undefined) return undefined;
    const held = JSON.parse(text) as Held;
    settings.put(DECISION, JSON.stringify({ id: held.id, decision }));
    return held;
  });
}

/** What the operator said about what is held back. */
export async function decisionOn({
  hold,
  database,
}: Pick<Context, 'hold' | 'database'>): Promise<Decision | undefined> {
  if (!hold.held) return undefined;
  const text = await findSetting(database.read, DECISION);
  if (text === undefined) return undefined;
  const { id, decision } = JSON.parse(text) as { id: string; decision: Decision };
  return id === hold.held.id ? decision : undefined;
}

/** In the transaction that does what the operator said. */
export async function forgetHold(trx: Queries): Promise<void> {
  for (const name of [HELD, DECISION]) await deleteSetting(trx, name);
}
