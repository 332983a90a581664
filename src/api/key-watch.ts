/**
 * Ends what lasts, such as live output, when the key behind it stops being good for it: revoked, gone with its
 * workspace, or of a lesser role. Looks at the keys in use whenever something was changed.
 */
import type { Context } from '../context.ts';
import type { Role } from '../db/schema.ts';
import { ErrandError } from '../errors.ts';
import { rolesOfGoodKeys } from '../services/api-keys.ts';
import { isEnough } from './authorisation.ts';
import type { Caller } from './operations.ts';

/** How soon a change is noticed. */
const LOOK_MS = 250;

/** Why something was ended. */
export class KeyEnded extends ErrandError {
  constructor() {
    super('unauthorized');
  }
}

interface Held {
  caller: Caller;
  least: Role;
  end: AbortController;
}

export interface Lease {
  /** Aborts, with `KeyEnded` as its reason, when the key is not good any more. */
  signal: AbortSignal;
  /** To be called when what lasted is over. */
  release(): void;
}

export class KeyWatch {
  readonly #context: Context;
  readonly #held = new Set<Held>();
  #timer: NodeJS.Timeout | undefined;
  #epoch = -1;

  constructor(context: Context) {
    this.#context = context;
  }

  /** @param least the role that the operation needs */
  hold(caller: Caller, least: Role): Lease {
    const held: Held = { caller, least, end: new AbortController() };
    this.#held.add(held);
    // What was changed between the check of the key and now is seen by the next look.
    this.#epoch = -1;
    this.#timer ??= setInterval(() => void this.#look(), LOOK_MS).unref();
    return {
      signal: held.end.signal,
      release: () => {
        this.#held.delete(held);
        if (this.#held.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  async #look(): Promise<void> {
    const { database, logger } = this.#context;
    const { epoch } = database;
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    try {
      const ids = new Set([...this.#held].map(({ caller }) => caller.keyId));
      const roles = await rolesOfGoodKeys(this.#context, [...ids]);
      for (const { caller, least, end } of this.#held) {
        // One that began meanwhile is for the next look.
        if (!ids.has(caller.keyId)) continue;
        const role = roles.get(caller.keyId);
        if (role === undefined || !isEnough(role, least)) end.abort(new KeyEnded());
      }
    } catch (error) {
      // That they cannot be read says nothing about them.
      this.#epoch = -1;
      logger.warn('the keys behind live output could not be looked at', { error: String(error) });
    }
  }
}
