/**
 * Fetches source code with the `git` of the host. Addresses and names come from users, so git gets them as arguments
 * after `--` (never through a shell), may use only the transports that are named to it, asks for no password, runs no
 * hook, and sees neither the configuration nor the home of the server's user.
 */
import { spawn } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutUserInfo } from '../services/repository.ts';
import { formatMicros, parseMicros } from '../shared/clock.ts';
import type { Secret } from '../shared/secret.ts';

export interface CheckoutRequest {
  /** An address without a credential. */
  url: string;
  /** `user:password` for an https address. */
  credential?: Secret | undefined;
  /** The remote's own default where none is named. */
  branch?: string | undefined;
  /** A commit, full or abbreviated; the branch's newest where none is named. */
  commit?: string | undefined;
  /** Whether `file://` and paths may be read. */
  allowLocal: boolean;
  /** A folder that does not exist yet; it will hold the files and a `.git` without any remote. */
  tree: string;
  /** A private folder for git's own files. */
  home: string;
}

export interface Checkout {
  commit: { id: string; message: string; createdAt: string };
  branch?: string;
}

/** git refused; the message is fit for the build's log. */
export class GitError extends Error {}

/** How long git may take in all. */
const TIMEOUT_MS = 30 * 60 * 1000;
/** Of what git writes, as much is kept. */
const MAX_OUTPUT_BYTES = 64 * 1024;
const MAX_MESSAGE_LENGTH = 4000;
const FULL_COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})$/i;

/**
 * Puts the files of a branch or commit into `request.tree`, with as little history as the remote allows.
 * @throws GitError when git refuses, or `stop` aborts
 */
export async function checkOut(request: CheckoutRequest, stop: AbortSignal): Promise<Checkout> {
  const signal = AbortSignal.any([stop, AbortSignal.timeout(TIMEOUT_MS)]);
  await mkdir(request.home, { recursive: true, mode: 0o700 });
  // A file and not an argument: git hands its arguments' settings on to no program that reads another repository.
  const config = join(request.home, 'gitconfig');
  await writeFile(config, '[safe]\n\tdirectory = *\n[protocol "ext"]\n\tallow = never\n');
  const git = (...args: string[]): Promise<string> => runGit(request, config, args, signal);
  await git('init', '-q', '--template=', '--', request.tree);
  const inTree = (...args: string[]): Promise<string> => git('-C', request.tree, ...args);

  const branch = request.branch ?? (request.commit ? undefined : await defaultBranch(git, request.url));
  const revision = await fetchRevision(inTree, request, branch);
  const id = await commitOf(inTree, revision, request);
  await inTree('checkout', '-q', '-f', '--detach', id);
  const commit = await describeCommit(inTree, id);
  // These name the remote.
  await rm(join(request.tree, '.git', 'FETCH_HEAD'), { force: true });
  await rm(join(request.tree, '.git', 'logs'), { recursive: true, force: true });
  return { commit, ...(branch === undefined ? {} : { branch }) };
}

type Git = (...args: string[]) => Promise<string>;

async function defaultBranch(git: Git, url: string): Promise<string> {
  const answer = await git('ls-remote', '--symref', '--', url, 'HEAD');
  const match = /^ref: refs\/heads\/(\S+)\tHEAD$/m.exec(answer);
  if (!match) throw new GitError('the repository has no default branch (is it empty?); name a branch');
  return match[1]!;
}

/** Fetches what the request names. @returns how the fetched repository calls it */
async function fetchRevision(
  git: Git,
  request: CheckoutRequest,
  branch: string | undefined,
): Promise<string> {
  const fetch = (depth: string[], refspec: string): Promise<string> =>
    git('fetch', '-q', ...depth, '--no-tags', '--no-recurse-submodules', '--', request.url, refspec);
  const { commit } = request;
  if (commit === undefined) {
    await fetch(['--depth=1'], `refs/heads/${branch}`);
    return 'FETCH_HEAD';
  }
  if (FULL_COMMIT.test(commit)) {
    try {
      await fetch(['--depth=1'], commit.toLowerCase());
      return 'FETCH_HEAD';
    } catch (error) {
      if (!(error instanceof GitError)) throw error;
      // Not every server hands out a commit by its id: then it is looked for in the whole history.
    }
  }
  await fetch([], '+refs/heads/*:refs/errand/*');
  return commit;
}

async function commitOf(git: Git, revision: string, { commit }: CheckoutRequest): Promise<string> {
  try {
    return (await git('rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`)).trim();
  } catch (error) {
    if (!(error instanceof GitError) || commit === undefined) throw error;
    throw new GitError(`commit ${commit} is not in the repository, or not on a branch of it`, {
      cause: error,
    });
  }
}

async function describeCommit(git: Git, id: string): Promise<Checkout['commit']> {
  const [date = '', message = ''] = (await git('log', '-1', '--format=%cI%x00%B', id)).split('\0');
  return {
    id,
    message: message.trim().slice(0, MAX_MESSAGE_LENGTH),
    createdAt: formatMicros(parseMicros(date.trim())),
  };
}

function runGit(
  request: CheckoutRequest,
  config: string,
  args: string[],
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new GitError('git was stopped'));
    const child = spawn('git', [...SETTINGS, ...args], {
      env: environment(request, config),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that the programs git starts end with it.
      detached: true,
    });
    const stop = (): void => killGroup(child.pid);
    signal.addEventListener('abort', stop, { once: true });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    child.on('error', (cause) => {
      signal.removeEventListener('abort', stop);
      reject(new GitError('git could not be started: is it installed on this host?', { cause }));
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(new GitError('git was stopped'));
      else if (code === 0) resolve(stdout());
      else reject(new GitError(cleanOutput(stderr(), request) || `git ended with code ${code}`));
    });
  });
}

const SETTINGS = [
  ['-c', 'core.hooksPath=/dev/null'],
  ['-c', 'core.fsmonitor=false'],
  ['-c', 'protocol.ext.allow=never'],
  ['-c', 'submodule.recurse=false'],
  ['-c', 'init.defaultBranch=main'],
  ['-c', 'advice.detachedHead=false'],
  // Half a minute below a kilobyte a second is a connection that hangs.
  ['-c', 'http.lowSpeedLimit=1000'],
  ['-c', 'http.lowSpeedTime=30'],
].flat();

function environment(request: CheckoutRequest, config: string): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    HOME: request.home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: config,
    GIT_ALLOW_PROTOCOL: request.allowLocal ? 'https:ssh:file' : 'https:ssh',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    // ssh finds keys and known hosts through the account's home, whatever HOME says.
    GIT_SSH_COMMAND: 'ssh -oBatchMode=yes -oConnectTimeout=30',
    ...credentialSettings(request),
  };
}

/** As a setting in the environment, which other users cannot read, and not in the address, which they can. */
function credentialSettings({ url, credential }: CheckoutRequest): Record<string, string> {
  if (!credential) return {};
  const basic = Buffer.from(credential.reveal()).toString('base64');
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in between.
  }
}

/** Keeps the first bytes of a stream; the rest is read and dropped, so that its writer is never held up. */
function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size < MAX_OUTPUT_BYTES) chunks.push(chunk);
    size += chunk.length;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}

/** Without any credential, which some messages repeat. */
function cleanOutput(text: string, { credential }: CheckoutRequest): string {
  const parts = credential ? [credential.reveal(), ...credential.reveal().split(':')] : [];
  const hidden = parts
    .filter((part) => part.length >= 4)
    .reduce((rest, part) => rest.replaceAll(part, '[redacted]'), text);
  return withoutUserInfo(hidden).trim();
}
