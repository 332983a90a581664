/** Fetches one repository, with its tags and LFS files, in an instance of its own. */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, rootCertificates } from 'node:tls';
import type { Config } from '../../config.ts';
import type { Executor } from '../../executors/executor.ts';
import { isSameHost, placeOf, type RepositoryPlace } from '../../services/repository.ts';
import { refusalOfPath } from '../../services/repository-access.ts';
import type { RepositoryCredential } from '../../services/repository-credential.ts';
import type { Reach } from '../../shared/addresses.ts';
import { formatMicros, parseMicros } from '../../shared/clock.ts';
import { resolveDestination, UnreachableError } from '../../shared/destination.ts';
import { Secret } from '../../shared/secret.ts';
import type { BuildLog } from '../build-log.ts';
import { FetchError, fetchFailure } from './failure.ts';
import { type Result, runScript } from './instance.ts';
import { fetchObjects, type LfsEndpoint, type LfsObject, parsePointers } from './lfs.ts';
import { copyRepository, LocalRepositoryError } from './local-copy.ts';
import type { CheckingProxy } from './proxy.ts';
import { FETCH_SCRIPT, PLACE_LFS_SCRIPT } from './script.ts';
import { gitSettings, lfsAccessWords, sshCommand } from './settings.ts';

/** One fetch of a service's source: what its repository and the submodules of it have in common. */
export interface FetchJob {
  executor: Executor;
  config: Pick<Config, 'dataDir' | 'repositories' | 'destinations'>;
  log: BuildLog;
  /** Of the deploy. */
  id: string;
  /** Where working directories are made; it exists. */
  folder: string;
  proxy: CheckingProxy;
  stop: AbortSignal;
  /** What is left of the limits. */
  left: { bytes: number; files: number };
  /** The service's own: its credential is shown to the host of this repository alone. */
  home: RepositoryPlace;
  credential: RepositoryCredential | undefined;
  /** How that host proves itself over ssh, where that is known. */
  knownHosts: string | undefined;
}

export interface Wanted {
  /** Without a credential. */
  url: string;
  /** The remote's own default where none is named. */
  branch?: string | undefined;
  /** A commit, full or abbreviated; the branch's newest where none is named. */
  commit?: string | undefined;
}

export interface FetchedRepository {
  /** The folder with everything that was needed to fetch. */
  work: string;
  /** The files and a `.git` without any remote. */
  tree: string;
  commit: { id: string; message: string; createdAt: string };
  branch?: string;
  /** The commits of other repositories that belong into the tree, as the scripts list them, and `.gitmodules`. */
  links: string;
  modules: string;
  /** What an ssh host showed. */
  hostKeys?: string;
}

/** More than the operator lets a repository have. */
export class LimitError extends FetchError {}

const MAX_MESSAGE_LENGTH = 4000;

/**
 * Fetches a commit, with as little history as the remote allows.
 * @throws FetchError when it is not to be had; DeployFailure when no instance can be made; the reason of `stop`
 */
export async function fetchRepository(job: FetchJob, wanted: Wanted): Promise<FetchedRepository> {
  const work = join(job.folder, `fetch-${randomUUID()}`);
  await mkdir(join(work, 'home'), { recursive: true });
  const place = placeOf(wanted.url);
  const credential = isSameHost(place, job.home) ? job.credential : undefined;
  const { environment, reach } = await prepare(job, wanted, place, credential, work);
  const result = await runScript(job.executor, job.id, FETCH_SCRIPT, work, environment, job.stop);
  if ((await result('done')) === undefined) {
    throw await whyNot(job, wanted, result, place, reach, credential);
  }
  const [files, bytes] = ((await result('extent')) ?? '').split(' ').map(Number);
  job.left.files -= files || 0;
  job.left.bytes -= bytes || 0;
  const fetched = await factsOf(work, result);
  await placeLfsFiles(job, wanted, work, result, credential);
  return fetched;
}

async function prepare(
  job: FetchJob,
  { url, branch, commit }: Wanted,
  place: RepositoryPlace,
  credential: RepositoryCredential | undefined,
  work: string,
): Promise<{ environment: Record<string, Secret>; reach: Reach | undefined }> {
  const { config, proxy, left, stop } = job;
  const environment: Record<string, string> = {
    ERRAND_URL: place.kind === 'local' ? '' : url,
    ERRAND_BRANCH: branch ?? '',
    ERRAND_COMMIT: commit?.toLowerCase() ?? '',
    ERRAND_MAX_FILES: String(left.files),
    ERRAND_MAX_BYTES: String(left.bytes),
    ERRAND_SSH: '',
    ERRAND_SSH_KEY: '',
    ERRAND_SSH_LFS: '',
  };
  let reach: Reach | undefined;
  if (place.kind === 'local') {
    const limits = { maxBytes: config.repositories.maxBytes, maxFiles: config.repositories.maxFiles };
    const mayRead = (path: string): string | undefined => refusalOfPath(config, path);
    await copyRepository(place.path, join(work, 'local'), limits, mayRead, stop).catch((error: unknown) => {
      throw error instanceof LocalRepositoryError ? new FetchError(error.message, { cause: error }) : error;
    });
  } else {
    const found = await resolveDestination(place.host, config.destinations.repositories).catch(
      (error: unknown) => {
        throw error instanceof UnreachableError ? new FetchError(error.message, { cause: error }) : error;
      },
    );
    reach = found.reach;
    if (place.kind === 'ssh') {
      const knownHosts = isSameHost(place, job.home) ? job.knownHosts : undefined;
      if (knownHosts) await writeFile(join(work, 'known_hosts'), knownHosts);
      environment['ERRAND_SSH'] = sshCommand(place, found.addresses[0]!, knownHosts !== undefined);
      environment['ERRAND_SSH_LFS'] = lfsAccessWords(url);
      if (credential?.kind === 'key') environment['ERRAND_SSH_KEY'] = credential.privateKey.reveal();
    }
  }
  const hasToken = place.kind === 'https' && credential?.kind === 'token';
  if (hasToken) {
    const [user, ...password] = credential.userAndPassword.reveal().split(':');
    environment['ERRAND_GIT_USER'] = user!;
    environment['ERRAND_GIT_PASSWORD'] = password.join(':');
  }
  await writeFile(join(work, 'home', '.gitconfig'), gitSettings(url, proxy.url, hasToken));
  const { ca } = config.repositories;
  if (ca) {
    const all = [...getCACertificates('system'), ...rootCertificates, ca];
    await writeFile(join(work, 'ca.pem'), all.join('\n'));
  }
  const secrets = Object.entries(environment).map(([name, value]) => [name, new Secret(value)]);
  return { environment: Object.fromEntries(secrets), reach };
}

async function whyNot(
  { config: { repositories } }: FetchJob,
  { commit }: Wanted,
  result: Result,
  place: RepositoryPlace,
  reach: Reach | undefined,
  credential: RepositoryCredential | undefined,
): Promise<FetchError> {
  const complaints = (await result('errors')) ?? '';
  const reason = (await result('reason'))?.trim();
  if (reason === 'no-branch') {
    return new FetchError('the repository has no default branch (is it empty?); name a branch');
  }
  if (reason === 'no-commit') {
    return new FetchError(`commit ${commit} is not in the repository, or not on a branch of it`);
  }
  if (reason === 'files') {
    return new LimitError(
      `the repository unfolds to more than ${repositories.maxFiles} files and folders (--max-repo-files)`,
    );
  }
  // SIGXFSZ, by which the kernel ends whoever writes too long a file.
  if (reason === 'bytes' || /signal 25|File too large|File size limit/.test(complaints)) {
    return new LimitError(
      `the repository has, or unfolds to, more than ${repositories.maxBytes} bytes (--max-repo-size)`,
    );
  }
  if (place.kind !== 'local') return fetchFailure(complaints, place.host, reach, credential);
  // The copy is no path that anybody knows.
  const text = complaints.replaceAll(/\/\S*\/local\b/g, place.path);
  return fetchFailure(text, undefined, undefined, credential);
}

async function factsOf(work: string, result: Result): Promise<FetchedRepository> {
  const tree = join(work, 'tree');
  const id = (await result('id'))?.trim() ?? '';
  const branch = (await result('branch'))?.trim();
  const [date = '', ...message] = ((await result('commit')) ?? '').split('\n');
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id) || !(await lstat(tree)).isDirectory()) {
    throw new FetchError('git left something else than a commit');
  }
  const hostKeys = await result('known-hosts');
  return {
    work,
    tree,
    commit: {
      id,
      message: message.join('\n').trim().slice(0, MAX_MESSAGE_LENGTH),
      createdAt: instantOf(date),
    },
    ...(branch ? { branch } : {}),
    links: (await result('links')) ?? '',
    modules: (await result('modules')) ?? '',
    ...(hostKeys ? { hostKeys } : {}),
  };
}

/** A commit may claim any date. */
function instantOf(date: string): string {
  try {
    return formatMicros(parseMicros(date.trim()));
  } catch {
    return formatMicros(0);
  }
}

async function placeLfsFiles(
  job: FetchJob,
  { url }: Wanted,
  work: string,
  result: Result,
  credential: RepositoryCredential | undefined,
): Promise<void> {
  const objects = parsePointers((await result('lfs')) ?? '');
  if (objects.length === 0) return;
  const { config, left, stop, log } = job;
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  if (bytes > left.bytes) {
    throw new LimitError(
      `the repository has, with its LFS files, more than ${config.repositories.maxBytes} bytes (--max-repo-size)`,
    );
  }
  left.bytes -= bytes;
  let failures: string[] = [];
  if (placeOf(url).kind !== 'local') {
    const folder = join(work, 'lfs');
    await mkdir(folder);
    const endpoint = await lfsEndpoint(url, result, credential);
    const options = { rule: config.destinations.repositories, ca: config.repositories.ca, stop };
    failures = await fetchObjects(objects, endpoint, folder, options);
  }
  const placed = await runScript(job.executor, job.id, PLACE_LFS_SCRIPT, work, {}, stop);
  const missing = new Set((await placed('lfs-missing'))?.split('\n').filter(Boolean));
  const isDone = (await placed('done')) !== undefined;
  if (!isDone) throw new FetchError(`LFS files could not be put in their places: ${await placed('errors')}`);
  const fetched = objects.filter(({ oid }) => !missing.has(oid));
  if (fetched.length > 0) await log.step(`Fetched ${countOf(fetched)}`);
  if (missing.size === 0) return;
  const why = failures.length > 0 ? failures.join('; ') : 'the repository does not have them';
  await log.step(
    `${countOf(objects.filter(({ oid }) => missing.has(oid)))} not fetched, their pointers are in their places: ${why}`,
  );
}

function countOf(objects: readonly LfsObject[]): string {
  const bytes = objects.reduce((sum, { size }) => sum + size, 0);
  return `${objects.length} LFS ${objects.length === 1 ? 'file' : 'files'} (${bytes} bytes)`;
}

/** What the repository says itself, else what an ssh host says, else the usual place beside the repository. */
async function lfsEndpoint(
  url: string,
  result: Result,
  credential: RepositoryCredential | undefined,
): Promise<LfsEndpoint> {
  const place = placeOf(url) as Extract<RepositoryPlace, { host: string }>;
  const configured = (await result('lfs-url'))?.trim();
  const access = parseAccess((await result('lfs-access')) ?? '');
  if (!configured && access) return access;
  const repository = url.replace(/\/+$/, '');
  const path = place.kind === 'https' ? repository : `https://${place.host}/${pathOf(url)}`;
  const href = configured || `${path.replace(/\.git$/, '')}.git/info/lfs`;
  const isHome = URL.canParse(href) && isSameHost(place, placeOf(href));
  const headers: Record<string, Secret> =
    isHome && credential?.kind === 'token'
      ? {
          authorization: new Secret(
            `Basic ${Buffer.from(credential.userAndPassword.reveal()).toString('base64')}`,
          ),
        }
      : {};
  return { href, headers };
}

const pathOf = (url: string): string =>
  (/^ssh:/i.test(url) ? new URL(url).pathname : url.slice(url.indexOf(':') + 1)).replace(/^\/+/, '');

/** What `git-lfs-authenticate` answers; undefined for a host that has no such command. */
function parseAccess(text: string): LfsEndpoint | undefined {
  try {
    const { href, header = {} } = JSON.parse(text) as { href?: unknown; header?: Record<string, unknown> };
    if (typeof href !== 'string') return undefined;
    const headers = Object.entries(header)
      .filter(([name, value]) => /^[\w-]+$/.test(name) && typeof value === 'string' && !/[\r\n]/.test(value))
      .map(([name, value]) => [name.toLowerCase(), new Secret(value as string)]);
    return { href, headers: Object.fromEntries(headers) };
  } catch {
    return undefined;
  }
}
