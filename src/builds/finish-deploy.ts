/** The ends of a deploy, each one transaction: the status, its events, and what they say about the service. */
import type { Context } from '../context.ts';
import { insertArtifact } from '../db/queries/artifacts.ts';
import { transitionDeploy } from '../db/queries/deploys.ts';
import { findAnyService, updateServiceRow } from '../db/queries/services.ts';
import type { ArtifactsTable, DeploysTable } from '../db/schema.ts';

type Parts = Pick<Context, 'database' | 'clock'>;

/**
 * Makes an artifact the one that new jobs run against, and deactivates the deploy before.
 * @returns false when the deploy was canceled meanwhile: then nothing changed
 */
export async function goLive(
  { database, clock }: Parts,
  deploy: DeploysTable,
  artifact: ArtifactsTable,
): Promise<boolean> {
  return database.write(async (trx) => {
    const at = clock.now();
    const { result } = await transitionDeploy(trx, deploy.id, 'goLive', { at, artifactId: artifact.id });
    if (result !== 'applied') return false;
    await insertArtifact(trx, artifact);
    const service = await findAnyService(trx, deploy.service_id);
    // Refused or missing is fine: whatever it is, it is not live.
    if (service?.live_deploy_id) await transitionDeploy(trx, service.live_deploy_id, 'replace', { at });
    await updateServiceRow(trx, deploy.service_id, { live_deploy_id: deploy.id });
    return true;
  });
}

/**
 * Ends a deploy without an artifact; the live one stays.
 * @param event `failBuild` for the build itself, `failUpdate` for what keeps it from being used
 * @returns false when the deploy was canceled meanwhile
 */
export async function failDeploy(
  { database, clock }: Parts,
  deployId: string,
  event: 'failBuild' | 'failUpdate',
  failure: string,
): Promise<boolean> {
  const { result } = await database.write((trx) =>
    transitionDeploy(trx, deployId, event, { at: clock.now(), failure }),
  );
  return result === 'applied';
}
