/** Every resource's routes, in one list. */
import type { Context } from '../../context.ts';
import type { OperationRegistry } from '../operations.ts';
import { deployRoutes } from './deploys.ts';
import { envVarRoutes } from './env-vars.ts';
import { jobRoutes } from './jobs.ts';
import { logRoutes } from './logs.ts';
import { ownerRoutes } from './owners.ts';
import { secretFileRoutes } from './secret-files.ts';
import { serviceRoutes } from './services.ts';
import { userRoutes } from './users.ts';

/** Registers all routes. A resource's file takes the registry and the context, and nothing else. */
export function registerRoutes(operations: OperationRegistry, context: Context): void {
  logRoutes(operations, context);
  deployRoutes(operations, context);
  envVarRoutes(operations, context);
  jobRoutes(operations, context);
  ownerRoutes(operations, context);
  secretFileRoutes(operations, context);
  serviceRoutes(operations, context);
  userRoutes(operations, context);
}
