/** Where a service's source code is: which addresses are accepted, and how their credentials are kept apart. */
import { invalid, quote } from '../errors.ts';
import { Secret } from '../shared/secret.ts';

export interface Repository {
  /** The address without a password or token: fit for answers, logs and command lines. */
  url: string;
  /** `user:password` of an https address, percent-decoded, where it had any. */
  credential?: Secret;
}

/**
 * Takes an address apart.
 * @param allowLocal whether `file://` and absolute paths are accepted
 * @throws `invalidRequest` for anything but https, ssh and, where allowed, local addresses
 */
export function parseRepository(text: string, allowLocal: boolean): Repository {
  if (hasControlCharacters(text)) throw refused(text, allowLocal);
  if (/^https:\/\//i.test(text)) return parseHttps(text, allowLocal);
  if (/^ssh:\/\//i.test(text)) return parseSsh(text, allowLocal);
  // user@host:path. Neither part may begin with a dash: ssh would take it for an option.
  if (/^[A-Za-z0-9_][\w.-]*@[A-Za-z0-9[][\w.:[\]-]*:(?!-)\S+$/.test(text)) return { url: text };
  if (allowLocal && /^(file:\/\/)?\/[^/]/i.test(text)) return { url: text };
  throw refused(text, allowLocal);
}

function parseHttps(text: string, allowLocal: boolean): Repository {
  const url = parseUrl(text, allowLocal);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  // The text itself where nothing had to go: an answer shows what was given.
  if (username === '' && password === '') return { url: text };
  const credential = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  if (hasControlCharacters(credential)) throw refused(text, allowLocal);
  return { url: url.href, credential: new Secret(credential) };
}

function parseSsh(text: string, allowLocal: boolean): Repository {
  const url = parseUrl(text, allowLocal);
  if (url.password !== '') {
    throw invalid(
      'repo with a password in an ssh address is not accepted; give the service a key: PUT its repository-credential',
    );
  }
  // A host becomes part of a command line: nothing in it may mean anything there.
  const isPlainHost = /^([a-z0-9_][\w.-]*|\[[0-9a-f:.]+\])$/i.test(url.hostname);
  if (!isPlainHost || url.username.startsWith('-')) throw refused(text, allowLocal);
  return { url: text };
}

function parseUrl(text: string, allowLocal: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.hostname === '' || url.pathname === '/' || /\s/.test(text)) throw refused(text, allowLocal);
  try {
    decodeURIComponent(url.username + url.password);
  } catch {
    throw refused(text, allowLocal);
  }
  return url;
}

function refused(text: string, allowLocal: boolean) {
  const local = allowLocal
    ? ', file:///path or /path'
    : '; file:// and paths need a server started with --allow-local-repos';
  return invalid(
    `repo ${quote(withoutUserInfo(text))} is not accepted; use https://host/path, ssh://host/path or git@host:path${local}`,
  );
}

/** Takes `user:password@` out of whatever text contains an address. */
export function withoutUserInfo(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/\s@]*@/gi, '$1');
}

/** `owner/name` of an address, as in RENDER_GIT_REPO_SLUG; of a local one the last two folders. */
export function repositorySlug(url: string): string {
  const path = url.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/^[^/]*@[^:]*:/, '');
  const parts = path
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .filter(Boolean);
  return parts.slice(-2).join('/');
}

/** How a repository is reached: over the network, or as a path of this machine. */
export type RepositoryPlace =
  | { kind: 'https' | 'ssh'; host: string; port: number; user: string }
  | { kind: 'local'; path: string };

const DEFAULT_PORTS = { https: 443, ssh: 22 };

/** Where an address that `parseRepository` accepted leads. IPv6 addresses are without their brackets. */
export function placeOf(url: string): RepositoryPlace {
  const scheme = /^(https|ssh):\/\//i.exec(url)?.[1]?.toLowerCase() as 'https' | 'ssh' | undefined;
  if (scheme) {
    const { hostname, port, username } = new URL(url);
    return {
      kind: scheme,
      host: bare(hostname),
      port: port === '' ? DEFAULT_PORTS[scheme] : Number(port),
      user: username,
    };
  }
  const remote = /^([^/@]+)@(\[[^\]]+\]|[^:/]+):/.exec(url);
  if (!remote) return { kind: 'local', path: url.replace(/^file:\/\//i, '') };
  // In this form brackets may hold a port as well.
  const [, host, port] = /^\[([^:\]]+):(\d+)\]$/.exec(remote[2]!) ?? [undefined, bare(remote[2]!), '22'];
  return { kind: 'ssh', host: host!, port: Number(port), user: remote[1]! };
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

/** Whether what opens the one may be shown to the other: the same host, at the same port, in the same way. */
export function isSameHost(one: RepositoryPlace, other: RepositoryPlace): boolean {
  if (one.kind === 'local' || other.kind === 'local') return false;
  return (
    one.kind === other.kind && one.host.toLowerCase() === other.host.toLowerCase() && one.port === other.port
  );
}

function hasControlCharacters(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return /[\x00-\x1f\x7f]/.test(text);
}
