/** All migrations in order. Append only: one that was released never changes. */
import { initial } from './0001-initial.ts';
import { serviceNames } from './0002-service-names.ts';
import { contractResources } from './0003-contract-resources.ts';
import { logStreams } from './0004-log-streams.ts';
import { jobLists } from './0005-job-lists.ts';
import { engines } from './0006-engines.ts';
import { deletedServices } from './0007-deleted-services.ts';

export const migrations: readonly string[] = [
  initial,
  serviceNames,
  contractResources,
  logStreams,
  jobLists,
  engines,
  deletedServices,
];
