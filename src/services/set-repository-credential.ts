/** The credential of a service's repository, as requests see it: it goes in and never comes out. */
import type { Context } from '../context.ts';
import { updateServiceRow } from '../db/queries/services.ts';
import type { ServicesTable } from '../db/schema.ts';
import { invalid, notFound } from '../errors.ts';
import { Secret } from '../shared/secret.ts';
import { placeOf } from './repository.ts';
import {
  checkKnownHosts,
  checkPrivateKey,
  forgetCredential,
  openCredential,
  setCredential,
} from './repository-credential.ts';
import { findService } from './resolve-service.ts';
import { extraOf, type ServiceExtra } from './service-input.ts';

export interface RepositoryCredentialInput {
  token?: string | undefined;
  username?: string | undefined;
  sshPrivateKey?: string | undefined;
  knownHosts?: string | undefined;
}

export interface RepositoryCredentialState {
  type: 'none' | 'token' | 'sshKey';
  username?: string;
  /** Of an ssh host: given with the key, remembered from the first fetch, or not known yet. */
  hostKey?: 'given' | 'remembered' | 'unknown';
}

/** Hosts that take a token take it under any name. */
const ANY_USER = 'x-access-token';
const MAX_TEXT = 4000;

/** @throws `notFound` */
export async function getRepositoryCredential(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<RepositoryCredentialState> {
  return stateOf(context, await findService(context.database.read, workspaceId, serviceId));
}

/** @throws `notFound`; `invalidRequest` for what does not fit the repository's address */
export async function setRepositoryCredential(
  context: Context,
  workspaceId: string,
  serviceId: string,
  input: RepositoryCredentialInput,
): Promise<RepositoryCredentialState> {
  const updated = await change(context, workspaceId, serviceId, (service, extra) =>
    applyInput(context, service, extra, input),
  );
  return stateOf(context, updated);
}

/** @throws `notFound`, also where there is no credential */
export async function deleteRepositoryCredential(
  context: Context,
  workspaceId: string,
  serviceId: string,
): Promise<void> {
  await change(context, workspaceId, serviceId, (_, extra) => {
    if (!extra.repoCredentialSealed && !extra.repoKeySealed) {
      throw notFound(`repository-credential of ${serviceId}`);
    }
    forgetCredential(extra);
  });
}

async function change(
  context: Context,
  workspaceId: string,
  serviceId: string,
  apply: (service: ServicesTable, extra: ServiceExtra) => void,
): Promise<ServicesTable> {
  return context.database.write(async (trx) => {
    const service = await findService(trx, workspaceId, serviceId);
    const extra = extraOf(service);
    apply(service, extra);
    const changes = { extra: JSON.stringify(extra), updated_at: context.clock.now() };
    const updated = await updateServiceRow(trx, serviceId, changes);
    if (!updated) throw notFound(serviceId);
    return updated;
  });
}

function applyInput(
  { vault }: Context,
  service: ServicesTable,
  extra: ServiceExtra,
  { token, username, sshPrivateKey, knownHosts }: RepositoryCredentialInput,
): void {
  const { kind } = service.repo === null ? { kind: 'no' } : placeOf(service.repo);
  const needs = (what: string, wanted: string): void => {
    if (kind !== wanted)
      throw invalid(`${what} is for an ${wanted} repository, and this service has ${kind}`);
  };
  if ((token === undefined) === (sshPrivateKey === undefined)) {
    throw invalid('one of token (for https) and sshPrivateKey (for ssh) is required');
  }
  if (token !== undefined) {
    needs('token', 'https');
    if (knownHosts !== undefined) throw invalid('knownHosts goes with sshPrivateKey');
    const user = username ?? ANY_USER;
    if (!isPlain(token) || !isPlain(user) || user.includes(':')) {
      throw invalid(
        `token and username must have 1 to ${MAX_TEXT} characters without spaces and controls, username without ":"`,
      );
    }
    setCredential(vault, service.id, extra, {
      kind: 'token',
      userAndPassword: new Secret(`${user}:${token}`),
    });
    return;
  }
  needs('sshPrivateKey', 'ssh');
  if (username !== undefined) throw invalid('username goes with token; over ssh it is part of the address');
  checkPrivateKey(sshPrivateKey!);
  if (knownHosts !== undefined) checkKnownHosts(knownHosts);
  setCredential(vault, service.id, extra, {
    kind: 'key',
    privateKey: new Secret(`${sshPrivateKey!.trim()}\n`),
  });
  if (knownHosts === undefined) return;
  extra.repoKnownHosts = knownHosts;
  extra.repoKnownHostsGiven = true;
}

const isPlain = (text: string): boolean => /^[^\s\p{Cc}]+$/u.test(text) && text.length <= MAX_TEXT;

function stateOf({ vault }: Context, service: ServicesTable): RepositoryCredentialState {
  const extra = extraOf(service);
  const credential = openCredential(vault, service.id, extra);
  if (credential?.kind === 'token') {
    return { type: 'token', username: credential.userAndPassword.reveal().split(':')[0]! };
  }
  const isSsh = service.repo !== null && placeOf(service.repo).kind === 'ssh';
  const given = extra.repoKnownHostsGiven ? 'given' : 'remembered';
  return {
    type: credential ? 'sshKey' : 'none',
    ...(isSsh ? { hostKey: extra.repoKnownHosts ? given : 'unknown' } : {}),
  };
}

/**
 * Keeps what a host showed at the first fetch: from then on another key is refused.
 * @throws `invalidRequest` for what is no list of host keys
 */
export async function rememberHostKeys(
  context: Context,
  service: Pick<ServicesTable, 'id' | 'workspace_id' | 'repo'>,
  lines: string,
): Promise<void> {
  checkKnownHosts(lines);
  await context.database.write(async (trx) => {
    const current = await findService(trx, service.workspace_id, service.id);
    const extra = extraOf(current);
    // Another address, or a credential that was given meanwhile, has its own to learn.
    if (current.repo !== service.repo || extra.repoKnownHosts) return;
    extra.repoKnownHosts = lines;
    await updateServiceRow(trx, service.id, { extra: JSON.stringify(extra) });
  });
}
