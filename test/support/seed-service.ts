/** Puts a service with a live artifact straight into a server's data folder: what a build would leave, without one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { artifactTree } from '../../src/builds/artifact-path.ts';
import type { Config } from '../../src/config.ts';
import type { Database } from '../../src/db/open.ts';
import type { ServicesTable } from '../../src/db/schema.ts';
import { newDetails } from '../../src/services/service-details.ts';
import { newId } from '../../src/shared/ids.ts';

/** Details of a background worker in full, for answers that show the service. */
export const WORKER_DETAILS = JSON.stringify(newDetails('background_worker', { runtime: 'node' }, false));

/**
 * @param files of the artifact, by path
 * @param overrides columns of the service's row; the workspace is one of them
 * @returns the service's id
 */
export async function seedService(
  config: Pick<Config, 'dataDir'>,
  database: Pick<Database, 'write'>,
  now: string,
  files: Record<string, string>,
  overrides: Partial<ServicesTable> & { workspace_id: string },
): Promise<string> {
  const workspaceId = overrides.workspace_id;
  const [serviceId, deployId, artifactId] = [
    newId(overrides.type === 'cron_job' ? 'crn' : 'srv'),
    newId('dep'),
    newId('art'),
  ];
  writeArtifact(config, artifactId, files);
  await database.write(async (trx) => {
    await trx
      .insertInto('services')
      .values({
        id: serviceId,
        type: 'background_worker',
        name: `service-${serviceId.slice(-6)}`,
        slug: `service-${serviceId}`,
        runtime: 'node',
        plan: 'starter',
        region: 'oregon',
        repo: 'https://example.com/team/app',
        branch: 'main',
        root_dir: '',
        image: null,
        environment_id: null,
        suspended: 0,
        suspenders: '[]',
        details: '{}',
        extra: '{}',
        live_deploy_id: deployId,
        created_at: now,
        updated_at: now,
        deleted_at: null,
        ...overrides,
      })
      .execute();
    await trx
      .insertInto('artifacts')
      .values({
        id: artifactId,
        service_id: serviceId,
        workspace_id: workspaceId,
        deploy_id: deployId,
        kind: 'tree',
        location: artifactId,
        root_dir: overrides.root_dir ?? '',
        git: JSON.stringify({ commit: 'a'.repeat(40), branch: 'main', repoSlug: 'team/app' }),
        size_bytes: 0,
        created_at: now,
        removed_at: null,
      })
      .execute();
    await trx
      .insertInto('deploys')
      .values({
        id: deployId,
        service_id: serviceId,
        workspace_id: workspaceId,
        status: 'live',
        trigger: 'api',
        commit_id: 'a'.repeat(40),
        commit_message: 'first',
        commit_created_at: now,
        wanted_commit: null,
        clear_cache: 0,
        image: null,
        artifact_id: artifactId,
        failure: null,
        engine: null,
        created_at: now,
        updated_at: now,
        started_at: now,
        finished_at: now,
      })
      .execute();
  });
  return serviceId;
}

/** Writes the files of an artifact, owned by the user of instances as a build leaves them. */
export function writeArtifact(
  config: Pick<Config, 'dataDir'>,
  artifactId: string,
  files: Record<string, string>,
): void {
  const tree = artifactTree(config, { id: artifactId });
  mkdirSync(tree, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, name)), { recursive: true });
    writeFileSync(join(tree, name), content);
  }
  execFileSync('chown', ['-R', '64000:64000', tree]);
}
