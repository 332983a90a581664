/** Where builds and artifacts lie in the data folder. */
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { ArtifactsTable } from '../db/schema.ts';

/** The folder of an artifact: its `tree` and its `manifest.json`. */
export function artifactFolder(config: Pick<Config, 'dataDir'>, artifactId: string): string {
  return join(config.dataDir, 'artifacts', artifactId);
}

/** The absolute folder that holds the files of an artifact. */
export function artifactTree(config: Pick<Config, 'dataDir'>, artifact: Pick<ArtifactsTable, 'id'>): string {
  return join(artifactFolder(config, artifact.id), 'tree');
}

/** The folder of a build under way, gone when the build is over. */
export function buildFolder(config: Pick<Config, 'dataDir'>, deployId: string): string {
  return join(config.dataDir, 'builds', deployId);
}

/** The cache that the builds of a service share. */
export function cacheFolder(config: Pick<Config, 'dataDir'>, serviceId: string): string {
  return join(config.dataDir, 'cache', serviceId);
}
