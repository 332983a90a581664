/** Every resource's routes, in one list. */
import type { Context } from '../../context.ts';
import type { OperationRegistry } from '../operations.ts';

/** Registers all routes. A resource's file takes the registry and the context, and nothing else. */
export function registerRoutes(_operations: OperationRegistry, _context: Context): void {}
