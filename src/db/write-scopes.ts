/**
 * What surrounds the writes of one piece of asynchronous work: a transaction that it is part of, or a companion that
 * must commit together with its first write. Work that was started inside and goes on after the end of the scope is
 * outside again: its writes stand on their own.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Queries } from './open.ts';

/** Runs in the transaction of a write, after it. @param result what the write resolves with */
export type Companion = (trx: Queries, result: unknown) => Promise<void>;

interface Scope {
  over: boolean;
  transaction?: Queries;
  /** What waits for the commit of `transaction`. */
  afterCommit?: (() => void)[];
  companion?: Companion;
}

export class WriteScopes {
  readonly #storage = new AsyncLocalStorage<Scope>();

  /** The transaction that the present work is part of. */
  get transaction(): Queries | undefined {
    return this.#present()?.transaction;
  }

  /** The companion of the next write, which is given out once: give it back when that write fails. */
  takeCompanion(): { companion: Companion; giveBack: () => void } | undefined {
    const scope = this.#present();
    const companion = scope?.companion;
    if (!scope || !companion) return undefined;
    delete scope.companion;
    return {
      companion,
      giveBack: () => {
        scope.companion = companion;
      },
    };
  }

  /** Calls `then` after the commit of the transaction that the present work is part of; at once when there is none. */
  afterCommit(then: () => void): void {
    const list = this.#present()?.afterCommit;
    if (list) list.push(then);
    else then();
  }

  /**
   * Runs `work` as a part of `transaction`.
   * @param afterCommit collects what is to be called when the transaction is committed
   */
  async inTransaction<T>(
    transaction: Queries,
    afterCommit: (() => void)[],
    work: () => Promise<T>,
  ): Promise<T> {
    const scope: Scope = { over: false, transaction, afterCommit };
    try {
      return await this.#storage.run(scope, work);
    } finally {
      scope.over = true;
    }
  }

  /** Runs `work` with a companion for its first write. */
  async withCompanion<T>(companion: Companion, work: () => Promise<T>): Promise<T> {
    const scope: Scope = { over: false, companion };
    try {
      return await this.#storage.run(scope, work);
    } finally {
      scope.over = true;
    }
  }

  #present(): Scope | undefined {
    const scope = this.#storage.getStore();
    return scope && !scope.over ? scope : undefined;
  }
}
