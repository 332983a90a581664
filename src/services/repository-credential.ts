/**
 * What opens a service's repository: a user and a token over https, a private key over ssh. Kept sealed in the service's
 * extra fields, bound to the service's id; used only towards the repository's own host, and dropped with its address.
 */
import { invalid } from '../errors.ts';
import type { Secret } from '../shared/secret.ts';
import type { Vault } from '../shared/vault.ts';
import { openValue, sealValue } from './environment.ts';
import type { ServiceExtra } from './service-input.ts';

export type RepositoryCredential =
  /** `user:password`. */
  { kind: 'token'; userAndPassword: Secret } | { kind: 'key'; privateKey: Secret };

/** Under these names they are sealed; the names never change. */
export const SEALED_AS = { token: 'repo credential', key: 'repo key' } as const;
const MAX_KEY = 32 * 1024;
const MAX_KNOWN_HOSTS = 16 * 1024;

/** Replaces what there was; how the host proves itself is learned anew. */
export function setCredential(
  vault: Vault,
  serviceId: string,
  extra: ServiceExtra,
  credential: RepositoryCredential,
): void {
  forgetCredential(extra);
  if (credential.kind === 'token') {
    extra.repoCredentialSealed = sealValue(
      vault,
      serviceId,
      SEALED_AS.token,
      credential.userAndPassword.reveal(),
    );
  } else {
    extra.repoKeySealed = sealValue(vault, serviceId, SEALED_AS.key, credential.privateKey.reveal());
  }
}

export function forgetCredential(extra: ServiceExtra): void {
  delete extra.repoCredentialSealed;
  delete extra.repoKeySealed;
  delete extra.repoKnownHosts;
  delete extra.repoKnownHostsGiven;
}

/** @throws when it was sealed for another service or with another key */
export function openCredential(
  vault: Vault,
  serviceId: string,
  extra: ServiceExtra,
): RepositoryCredential | undefined {
  const { repoCredentialSealed, repoKeySealed } = extra;
  if (repoKeySealed)
    return { kind: 'key', privateKey: openValue(vault, serviceId, SEALED_AS.key, repoKeySealed) };
  if (!repoCredentialSealed) return undefined;
  return {
    kind: 'token',
    userAndPassword: openValue(vault, serviceId, SEALED_AS.token, repoCredentialSealed),
  };
}

/** @throws `invalidRequest` for what is no private key, and for one that only a passphrase opens */
export function checkPrivateKey(text: string): void {
  const match = /^-----BEGIN ([A-Z ]*PRIVATE KEY)-----\s([\s\S]+)-----END \1-----\s*$/.exec(text.trim());
  // The key itself is never quoted.
  if (!match || text.length > MAX_KEY) {
    throw invalid(
      'sshPrivateKey must be a private key as ssh-keygen writes it: from -----BEGIN OPENSSH PRIVATE KEY----- to its END',
    );
  }
  const [, kind, body] = match;
  const opensshCipher = /^openssh-key-v1\0\0\0\0.(\w+)/s.exec(
    Buffer.from(body!, 'base64').toString('latin1'),
  );
  const isLocked = kind === 'OPENSSH PRIVATE KEY' ? opensshCipher?.[1] !== 'none' : /ENCRYPTED/.test(text);
  if (isLocked) throw invalid('sshPrivateKey must be a key without a passphrase: nobody is there to type it');
}

/** @throws `invalidRequest` for what is no list of host keys */
export function checkKnownHosts(text: string): void {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const isLine = (line: string): boolean =>
    /^(@\S+ +)?\S+ +[a-z][\w.@-]+ +[A-Za-z0-9+/=]+( .*)?\r?$/.test(line);
  if (text.length > MAX_KNOWN_HOSTS || lines.length === 0 || !lines.every(isLine)) {
    throw invalid(
      'knownHosts must be lines as in a known_hosts file or from ssh-keyscan, such as "git.example.com ssh-ed25519 AAAA..."',
    );
  }
}
