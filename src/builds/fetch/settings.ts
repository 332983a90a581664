/** The settings and the command line of ssh that git gets in the instance. Pure; no secret is in them but the proxy's. */
import { placeOf, type RepositoryPlace } from '../../services/repository.ts';

/** The only helper, for one origin: it says what is in the environment of git itself. */
const HELPER =
  '"!f() { test \\"$1\\" = get && printf \'username=%s\\\\npassword=%s\\\\n\' \\"$ERRAND_GIT_USER\\" \\"$ERRAND_GIT_PASSWORD\\"; }; f"';

/**
 * The text of git's settings file.
 * @param proxy through which https goes
 * @param hasToken whether the environment has what opens the repository
 */
export function gitSettings(url: string, proxy: string, hasToken: boolean): string {
  const { kind } = placeOf(url);
  const lines = [
    '[safe]',
    'directory = *',
    '[core]',
    'hooksPath = /dev/null',
    'fsmonitor = false',
    'quotePath = false',
    '[protocol]',
    'allow = never',
    `[protocol "${kind === 'local' ? 'file' : kind}"]`,
    'allow = always',
    '[fetch]',
    // One file for each fetch, whatever is in it.
    'unpackLimit = 1',
    'recurseSubmodules = false',
    '[gc]',
    'auto = 0',
    '[maintenance]',
    'auto = false',
    '[submodule]',
    'recurse = false',
    '[init]',
    'defaultBranch = main',
    '[advice]',
    'detachedHead = false',
    '[http]',
    `proxy = ${proxy}`,
    'proxyAuthMethod = basic',
    // Half a minute below a kilobyte a second is a connection that hangs.
    'lowSpeedLimit = 1000',
    'lowSpeedTime = 30',
    ...(hasToken ? [`[credential "${new URL(url).origin}"]`, `helper = ${HELPER}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * The ssh command for one host. It reads no settings and no key of the account it runs under, and connects to the
 * address that was checked.
 * @param isKnown whether the host's keys are known; otherwise those that it shows are taken
 */
export function sshCommand(
  { host, port }: Extract<RepositoryPlace, { host: string }>,
  address: string,
  isKnown: boolean,
): string {
  const alias = port === 22 ? host : `[${host}]:${port}`;
  const settings = {
    BatchMode: 'yes',
    ConnectTimeout: '30',
    ServerAliveInterval: '15',
    ServerAliveCountMax: '4',
    HostName: address,
    HostKeyAlias: alias.toLowerCase(),
    StrictHostKeyChecking: isKnown ? 'yes' : 'accept-new',
    GlobalKnownHostsFile: '/dev/null',
    UpdateHostKeys: 'no',
    HashKnownHosts: 'no',
    CheckHostIP: 'no',
    IdentityFile: 'none',
    PreferredAuthentications: 'publickey',
    ControlPath: 'none',
  };
  const options = Object.entries(settings).map(([name, value]) => `-o '${name}=${value}'`);
  return `ssh -F /dev/null ${options.join(' ')}`;
}

/** The words of ssh that ask a host for access to its LFS API; '' for a path that a shell could misread. */
export function lfsAccessWords(url: string): string {
  const place = placeOf(url);
  if (place.kind !== 'ssh') return '';
  const path = /^ssh:/i.test(url)
    ? new URL(url).pathname
    : url.slice(url.indexOf(':', url.lastIndexOf(']') + 1) + 1);
  const plain = path.replace(/^\/+/, '');
  if (!/^[\w~][\w./~+-]*$/.test(plain) || !/^[\w.-]*$/.test(place.user)) return '';
  const user = place.user === '' ? '' : `${place.user}@`;
  return `-p ${place.port} ${user}${place.host} git-lfs-authenticate ${plain} download`;
}
