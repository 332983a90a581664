/** Turns the tree of a finished build into an artifact: a folder that is named by its id and never written again. */
import { lstat, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../config.ts';
import type { SecretFile } from '../services/environment.ts';
import { nothingIfAbsent } from '../shared/absence.ts';
import { discardTree, measureTree } from '../shared/trees.ts';
import { artifactFolder } from './artifact-path.ts';
import { DeployFailure } from './deploy-failure.ts';

export interface Manifest {
  id: string;
  serviceId: string;
  deployId: string;
  commit: string;
  createdAt: string;
  files: number;
  bytes: number;
}

/** A deploy has one artifact, so its id is the deploy's under another prefix: a second try finds the first's folder. */
export const artifactIdOf = (deployId: string): string => `art-${deployId.slice('dep-'.length)}`;

/** Moves the tree to its place and writes the manifest beside it. What an earlier try left there is replaced. */
export async function freezeArtifact(
  config: Pick<Config, 'dataDir'>,
  tree: string,
  facts: Omit<Manifest, 'files' | 'bytes'>,
): Promise<Manifest> {
  const size = await measureTree(tree);
  if (!size)
    throw new DeployFailure('failBuild', 'the build made a path that is longer than this host accepts');
  const manifest: Manifest = { ...facts, ...size };
  const folder = artifactFolder(config, manifest.id);
  await discardTree(folder, config.dataDir);
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
  await rename(tree, join(folder, 'tree'));
  await syncFolder(folder);
  return manifest;
}

/** Makes the entries of a folder durable. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Takes out of the tree what the executor put there to show secret files in the root of the project: an empty place to
 * mount on, or a copy. An artifact must never hold a secret.
 */
export async function removeSecretFiles(tree: string, secretFiles: readonly SecretFile[]): Promise<void> {
  for (const { name, content } of secretFiles) {
    const path = join(tree, name);
    const found = await lstat(path).catch(nothingIfAbsent);
    if (!found?.isFile()) continue;
    const secret = Buffer.from(content.reveal());
    // Read only where it can be the same: a build may have made something huge of that name.
    const isSame = found.size === secret.length && (await readFile(path)).equals(secret);
    if (found.size === 0 || isSame) await rm(path);
  }
}
