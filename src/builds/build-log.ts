/** Progress of a build, written between the lines of its build command: resource the service, segment the deploy. */
import type { Context } from '../context.ts';
import type { DeploysTable } from '../db/schema.ts';

export interface BuildLog {
  /** A step that begins or ended, marked as the server's own. */
  step(message: string): Promise<void>;
  /** What a program of the server had to say, line by line. */
  error(text: string): Promise<void>;
  /** Nothing follows. */
  complete(): Promise<void>;
}

export function openBuildLog(
  { logStore }: Pick<Context, 'logStore'>,
  deploy: Pick<DeploysTable, 'id' | 'service_id'>,
): BuildLog {
  const { service_id: resource, id: segment } = deploy;
  return {
    step: (message) => logStore.append(resource, segment, 'stdout', `==> ${message}`),
    async error(text) {
      for (const line of text.split('\n').filter(Boolean)) {
        await logStore.append(resource, segment, 'stderr', line);
      }
    },
    complete: () => logStore.complete(resource, segment),
  };
}
