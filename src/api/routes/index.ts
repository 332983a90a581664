/** Every resource's routes, in one list. */
import type { Context } from '../../context.ts';
import type { OperationRegistry } from '../operations.ts';
import { customDomainRoutes } from './custom-domains.ts';
import { deployRoutes } from './deploys.ts';
import { diskRoutes } from './disks.ts';
import { envGroupRoutes } from './env-groups.ts';
import { envVarRoutes } from './env-vars.ts';
import { environmentRoutes } from './environments.ts';
import { jobRoutes } from './jobs.ts';
import { logRoutes } from './logs.ts';
import { notificationSettingRoutes } from './notification-settings.ts';
import { ownerRoutes } from './owners.ts';
import { projectRoutes } from './projects.ts';
import { registryCredentialRoutes } from './registry-credentials.ts';
import { secretFileRoutes } from './secret-files.ts';
import { serviceRoutes } from './services.ts';
import { userRoutes } from './users.ts';
import { webhookRoutes } from './webhooks.ts';

/** Registers all routes. A resource's file takes the registry and the context, and nothing else. */
export function registerRoutes(operations: OperationRegistry, context: Context): void {
  webhookRoutes(operations, context);
  registryCredentialRoutes(operations, context);
  projectRoutes(operations, context);
  notificationSettingRoutes(operations, context);
  environmentRoutes(operations, context);
  envGroupRoutes(operations, context);
  diskRoutes(operations, context);
  customDomainRoutes(operations, context);
  logRoutes(operations, context);
  deployRoutes(operations, context);
  envVarRoutes(operations, context);
  jobRoutes(operations, context);
  ownerRoutes(operations, context);
  secretFileRoutes(operations, context);
  serviceRoutes(operations, context);
  userRoutes(operations, context);
}
