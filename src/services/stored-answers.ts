/**
 * Requests that may be sent again. An answer is stored under the caller's key in the transaction of the effect that it
 * tells of: after a crash either both are there or neither. Answers hold secrets and are sealed.
 */
import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import {
  deleteStoredAnswersBefore,
  findStoredAnswer,
  putStoredAnswer,
} from '../db/queries/stored-answers.ts';
import { ErrandError, invalid } from '../errors.ts';
import { formatMicros } from '../shared/clock.ts';

export interface StoredAnswer {
  status: number;
  body: unknown;
}

/** How long an answer is given again; afterwards the key is free. */
export const ANSWERS_KEPT_HOURS = 24;
const PRUNE_EVERY_MS = 3_600_000;
const lastPruned = new WeakMap<object, number>();

/**
 * The stored answer to a request that was carried out already, else what `carryOut` gives, which is stored with its
 * effects in one transaction. Refusals are not stored: nothing happened, so a repetition may fare better.
 * @param request what makes the request the same one: operation, path and body
 * @throws `conflict` when the key belongs to another request
 */
export async function answerOnce(
  context: Context,
  input: { workspaceId: string; key: string; request: string },
  carryOut: () => Promise<StoredAnswer>,
): Promise<StoredAnswer & { replayed: boolean }> {
  if (!/^[\x20-\x7e]{1,255}$/.test(input.key)) {
    throw invalid('the Idempotency-Key header must have 1 to 255 printable characters');
  }
  const { vault, clock, database } = context;
  const requestKey = createHash('sha256').update(input.key).digest('hex');
  const row = `answer/${input.workspaceId}/${requestKey}`;
  const oldest = formatMicros((clock.nowMs() - ANSWERS_KEPT_HOURS * 3_600_000) * 1000);
  return database.atomic(async (trx) => {
    await prune(context, oldest, (before) => deleteStoredAnswersBefore(trx, before));
    const found = await findStoredAnswer(trx, input.workspaceId, requestKey);
    if (found && found.created_at >= oldest) {
      const stored = JSON.parse(vault.open(found.sealed, row)) as StoredAnswer & { request: string };
      if (stored.request !== input.request) {
        throw new ErrandError(
          'conflict',
          'this Idempotency-Key was used for another request; take a new one',
        );
      }
      return { status: stored.status, body: stored.body, replayed: true };
    }
    const { status, body } = await carryOut();
    await putStoredAnswer(trx, {
      workspace_id: input.workspaceId,
      request_key: requestKey,
      sealed: vault.seal(JSON.stringify({ status, body, request: input.request }), row),
      created_at: clock.now(),
    });
    return { status, body, replayed: false };
  });
}

/** Removes what is too old, now and then: a loop of its own would be more machinery than it is worth. */
async function prune(
  { database, clock }: Context,
  oldest: string,
  remove: (before: string) => Promise<void>,
): Promise<void> {
  const nowMs = clock.nowMs();
  if (nowMs - (lastPruned.get(database) ?? 0) < PRUNE_EVERY_MS) return;
  lastPruned.set(database, nowMs);
  await remove(oldest);
}
