/** All migrations in order. Append only: one that was released never changes. */
import { initial } from './0001-initial.ts';
import { serviceNames } from './0002-service-names.ts';

export const migrations: readonly string[] = [initial, serviceNames];
