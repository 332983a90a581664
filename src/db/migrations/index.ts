/** All migrations in order. Append only: one that was released never changes. */
import { initial } from './0001-initial.ts';

export const migrations: readonly string[] = [initial];
