/** Every resource's routes, in one list. */
import type { Context } from '../../context.ts';
import type { OperationRegistry } from '../operations.ts';
import { ownerRoutes } from './owners.ts';
import { userRoutes } from './users.ts';

/** Registers all routes. A resource's file takes the registry and the context, and nothing else. */
export function registerRoutes(operations: OperationRegistry, context: Context): void {
  ownerRoutes(operations, context);
  userRoutes(operations, context);
}
