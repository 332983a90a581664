/**
 * What a job froze at its creation. Nothing that happens to the base service afterwards reaches it. Jobs of one service
 * between which nothing was changed share one stored snapshot, which is written once and never again.
 */
import type { ServiceKind } from '../db/schema.ts';
import { Secret } from '../shared/secret.ts';
import type { Vault } from '../shared/vault.ts';

export interface Snapshot {
  /** The artifact whose files the job sees. */
  artifactId: string;
  /** Below the project directory; '' for the project directory itself. */
  workingDirectory: string;
  /** As the job's environment names it. */
  service: { id: string; name: string; type: ServiceKind; runtime: string };
  git: { commit?: string; branch?: string; repoSlug?: string };
  /** The service's own variables, groups merged in. */
  variables: Record<string, Secret>;
  secretFiles: { name: string; content: Secret }[];
}

/** The encrypted form in which a snapshot is stored. @param id of its row */
export function sealSnapshot(vault: Vault, id: string, snapshot: Snapshot): string {
  const plain = {
    ...snapshot,
    variables: Object.entries(snapshot.variables).map(([key, value]) => [key, value.reveal()]),
    secretFiles: snapshot.secretFiles.map(({ name, content }) => ({ name, content: content.reveal() })),
  };
  return vault.seal(JSON.stringify(plain), `snapshot/${id}`);
}

/** @throws when the sealed text belongs to another row or was made with another key */
export function openSnapshot(vault: Vault, id: string, sealed: string): Snapshot {
  const plain = JSON.parse(vault.open(sealed, `snapshot/${id}`)) as Omit<
    Snapshot,
    'variables' | 'secretFiles'
  > & {
    variables: [string, string][];
    secretFiles: { name: string; content: string }[];
  };
  return {
    ...plain,
    variables: Object.fromEntries(plain.variables.map(([key, value]) => [key, new Secret(value)])),
    secretFiles: plain.secretFiles.map(({ name, content }) => ({ name, content: new Secret(content) })),
  };
}
