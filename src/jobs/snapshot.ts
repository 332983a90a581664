/** What a job froze at its creation. Nothing that happens to the base service afterwards reaches it. */

import { Secret } from '../shared/secret.ts';
import type { Vault } from '../shared/vault.ts';

export interface Snapshot {
  /** The folder of the artifact's files, below the data folder's `artifacts`. */
  artifactId: string;
  /** Below the project directory; '' for the project directory itself. */
  workingDirectory: string;
  /** The complete environment but for what is known only at the start. */
  environment: Record<string, Secret>;
  secretFiles: { name: string; content: Secret }[];
}

/** The encrypted form in which a snapshot is stored. */
export function sealSnapshot(vault: Vault, jobId: string, snapshot: Snapshot): string {
  const plain = {
    ...snapshot,
    environment: Object.entries(snapshot.environment).map(([key, value]) => [key, value.reveal()]),
    secretFiles: snapshot.secretFiles.map(({ name, content }) => ({ name, content: content.reveal() })),
  };
  return vault.seal(JSON.stringify(plain), `snapshot/${jobId}`);
}

/** @throws when the sealed text belongs to another job or was made with another key */
export function openSnapshot(vault: Vault, jobId: string, sealed: string): Snapshot {
  const plain = JSON.parse(vault.open(sealed, `snapshot/${jobId}`)) as {
    artifactId: string;
    workingDirectory: string;
    environment: [string, string][];
    secretFiles: { name: string; content: string }[];
  };
  return {
    ...plain,
    environment: Object.fromEntries(plain.environment.map(([key, value]) => [key, new Secret(value)])),
    secretFiles: plain.secretFiles.map(({ name, content }) => ({ name, content: new Secret(content) })),
  };
}
