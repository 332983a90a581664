/** Every resource's routes, in one list. */
import type { Context } from '../../context.ts';
import type { OperationRegistry } from '../operations.ts';
import { absentKindRoutes } from './absent-kinds.ts';
import { auditRoutes } from './audit.ts';
import { cronJobRoutes } from './cron-jobs.ts';
import { customDomainRoutes } from './custom-domains.ts';
import { deployRoutes } from './deploys.ts';
import { diskRoutes } from './disks.ts';
import { envGroupRoutes } from './env-groups.ts';
import { envVarRoutes } from './env-vars.ts';
import { environmentRoutes } from './environments.ts';
import { eventRoutes } from './events.ts';
import { instanceRoutes } from './instances.ts';
import { jobRoutes } from './jobs.ts';
import { keyRoutes } from './keys.ts';
import { logStreamRoutes } from './log-streams.ts';
import { logRoutes } from './logs.ts';
import { metricsRoutes } from './metrics.ts';
import { notificationSettingRoutes } from './notification-settings.ts';
import { openApiRoutes } from './openapi.ts';
import { ownerRoutes } from './owners.ts';
import { projectRoutes } from './projects.ts';
import { registryCredentialRoutes } from './registry-credentials.ts';
import { secretFileRoutes } from './secret-files.ts';
import { serviceRoutes } from './services.ts';
import { userRoutes } from './users.ts';
import { webhookRoutes } from './webhooks.ts';
import { workspaceRoutes } from './workspaces.ts';

/** Registers all routes. A resource's file takes the registry and the context, and nothing else. */
export function registerRoutes(operations: OperationRegistry, context: Context): void {
  openApiRoutes(operations);
  workspaceRoutes(operations, context);
  metricsRoutes(operations, context);
  keyRoutes(operations, context);
  instanceRoutes(operations, context);
  eventRoutes(operations, context);
  cronJobRoutes(operations, context);
  auditRoutes(operations, context);
  absentKindRoutes(operations);
  webhookRoutes(operations, context);
  registryCredentialRoutes(operations, context);
  projectRoutes(operations, context);
  notificationSettingRoutes(operations, context);
  environmentRoutes(operations, context);
  envGroupRoutes(operations, context);
  diskRoutes(operations, context);
  customDomainRoutes(operations, context);
  logRoutes(operations, context);
  logStreamRoutes(operations, context);
  deployRoutes(operations, context);
  envVarRoutes(operations, context);
  jobRoutes(operations, context);
  ownerRoutes(operations, context);
  secretFileRoutes(operations, context);
  serviceRoutes(operations, context);
  userRoutes(operations, context);
}
