/** What may be said when git could not fetch: what helps, without a credential, and nothing of what listens where. */
import { withoutUserInfo } from '../../services/repository.ts';
import type { RepositoryCredential } from '../../services/repository-credential.ts';
import type { Reach } from '../../shared/addresses.ts';
import { UnreachableError } from '../../shared/destination.ts';

/** git refused, or what it found is refused; the message is fit for the build's log. */
export class FetchError extends Error {}

/** Said by a host that speaks git, or by git of what such a host said. */
const SPEAKS_GIT = [
  /couldn't find remote ref/,
  /could not read (Username|Password)/,
  /Authentication failed/,
  /^(fatal: )?repository '.*' not found/,
  /requested URL returned error: \d+/,
  /Permission denied/,
  /Host key verification failed/,
  /REMOTE HOST IDENTIFICATION HAS CHANGED/,
  /does not appear to be a git repository/,
  /^remote: /,
];
/** The proxy refused: for git, as for whoever asks, that is the same as no answer. */
const NOT_REACHED = /CONNECT|[Pp]roxy/;

/**
 * Makes a message of what git complained of.
 * @param reach of the host; undefined for a repository of this machine
 */
export function fetchFailure(
  complaints: string,
  host: string | undefined,
  reach: Reach | undefined,
  credential: RepositoryCredential | undefined,
): FetchError {
  const text = clean(complaints, credential);
  if (host === undefined || reach === undefined) return new FetchError(text || 'git ended without a reason');
  const lines = text.split('\n');
  const said = lines.filter((line) => SPEAKS_GIT.some((pattern) => pattern.test(line)));
  // Within a network that the asker may not see, silence, a refusal and another program are all the same.
  const isHidden = reach !== 'public' || lines.some((line) => NOT_REACHED.test(line));
  if (said.some((line) => /Host key|IDENTIFICATION/.test(line))) return new FetchError(HOST_KEY(host));
  if (!isHidden && text !== '') return new FetchError(text);
  if (said.length > 0) return new FetchError(said.join('\n'));
  return new FetchError(new UnreachableError(host).message);
}

const HOST_KEY = (host: string): string =>
  `the key of ssh host ${host} is not the one that is known for this service: if that is right, set its repository credential anew`;

/** Without any part of the credential, which some hosts repeat. */
function clean(text: string, credential: RepositoryCredential | undefined): string {
  const parts =
    credential?.kind === 'token'
      ? [
          Buffer.from(credential.userAndPassword.reveal()).toString('base64'),
          credential.userAndPassword.reveal(),
          ...credential.userAndPassword.reveal().split(':'),
        ]
      : [];
  const hidden = parts
    .filter((part) => part.length >= 4 && part !== 'x-access-token')
    .reduce((rest, part) => rest.replaceAll(part, '[redacted]'), text);
  return withoutUserInfo(hidden).trim();
}
