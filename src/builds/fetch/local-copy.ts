/**
 * Copies a local repository for the instance that fetches from it, which sees nothing else of this machine and may not
 * be able to read what its owner keeps to himself. Plain files are copied and no git is run: no hook, no setting and no
 * program of the repository is the server's. Links are not followed, and a file counts as where it really lies.
 */
import { constants, realpathSync } from 'node:fs';
import { lstat, mkdir, open, opendir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nothingIfAbsent } from '../../shared/absence.ts';

/** It cannot be read; the message is fit for the build's log. */
export class LocalRepositoryError extends Error {}

/** What a repository consists of. Its settings, hooks and logs stay where they are. */
const PARTS = ['HEAD', 'packed-refs', 'shallow', 'refs', 'objects', 'lfs/objects'];
const CHUNK_BYTES = 1024 * 1024;
const CONFIG = '[core]\n\trepositoryformatversion = 0\n\tbare = true\n';

/**
 * Copies the repository at `path` to the new folder `target`.
 * @param mayRead asked of the real path of what is copied: why it may not be read, undefined where it may
 * @throws LocalRepositoryError for what is no repository, may not be read, or has more than the limits
 */
export async function copyRepository(
  path: string,
  target: string,
  limits: { maxBytes: number; maxFiles: number },
  mayRead: (path: string) => string | undefined,
  stop: AbortSignal,
): Promise<void> {
  const source = await repositoryAt(path);
  const refusal = mayRead(source);
  if (refusal) throw new LocalRepositoryError(`${path} may not be read: ${refusal}`);
  await refuseBorrowed(path, source);
  const copy = new Copy(source, target, limits);
  await mkdir(join(target, 'lfs'), { recursive: true });
  for (const part of PARTS) await copy.add(part, stop);
  await writeFile(join(target, 'config'), CONFIG);
}

/** The folder with HEAD and objects, without links. */
async function repositoryAt(path: string): Promise<string> {
  for (const folder of [join(path, '.git'), path, `${path}.git`]) {
    const head = await lstat(join(folder, 'HEAD')).catch(unlessNotThere);
    const objects = await lstat(join(folder, 'objects')).catch(unlessNotThere);
    if (head && objects) return realpathSync(folder);
  }
  const gitFile = await lstat(join(path, '.git')).catch(unlessNotThere);
  if (gitFile?.isFile()) {
    throw new LocalRepositoryError(
      `${path} is a worktree or submodule of another repository: name that repository`,
    );
  }
  throw new LocalRepositoryError(`${path} is no git repository`);
}

async function refuseBorrowed(path: string, source: string): Promise<void> {
  const text = await readFile(join(source, 'objects/info/alternates'), 'utf8').catch(nothingIfAbsent);
  if (!text?.trim()) return;
  throw new LocalRepositoryError(
    `${path} borrows objects from another repository (objects/info/alternates): make it whole with git repack -a -d`,
  );
}

class Copy {
  readonly #source: string;
  readonly #target: string;
  readonly #limits: { maxBytes: number; maxFiles: number };
  #files = 0;
  #bytes = 0;

  constructor(source: string, target: string, limits: { maxBytes: number; maxFiles: number }) {
    this.#source = source;
    this.#target = target;
    this.#limits = limits;
  }

  /** One at a time and entry by entry: whatever the size of a folder, the server has little of it in memory. */
  async add(part: string, stop: AbortSignal): Promise<void> {
    stop.throwIfAborted();
    const stats = await lstat(join(this.#source, part)).catch(unlessNotThere);
    if (!stats) return;
    if (stats.isFile()) return this.#copyFile(part);
    if (!stats.isDirectory()) return;
    await mkdir(join(this.#target, part), { recursive: true });
    for await (const entry of await opendir(join(this.#source, part))) {
      await this.add(`${part}/${entry.name}`, stop);
    }
  }

  async #copyFile(part: string): Promise<void> {
    // Whatever was put in its place meanwhile: a pipe does not keep us waiting, a link is not followed.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using from = await open(join(this.#source, part), flags);
    const stats = await from.stat();
    const real = await readlink(`/proc/self/fd/${from.fd}`);
    if (!stats.isFile() || real !== join(this.#source, part)) {
      throw new LocalRepositoryError(`${part} of the repository was changed while it was read`);
    }
    this.#count(stats.size);
    await using to = await open(join(this.#target, part), 'wx', 0o644);
    const buffer = Buffer.allocUnsafe(Math.min(stats.size, CHUNK_BYTES));
    // No further than it was when it was counted.
    for (let left = stats.size; left > 0; ) {
      const { bytesRead } = await from.read(buffer, 0, Math.min(left, buffer.length));
      if (bytesRead === 0) return;
      await to.writeFile(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
  }

  #count(bytes: number): void {
    const { maxBytes, maxFiles } = this.#limits;
    this.#files += 1;
    this.#bytes += bytes;
    if (this.#bytes > maxBytes) {
      throw new LocalRepositoryError(
        `the repository itself has more than ${maxBytes} bytes (--max-repo-size)`,
      );
    }
    if (this.#files > maxFiles) {
      throw new LocalRepositoryError(
        `the repository itself has more than ${maxFiles} files (--max-repo-files): pack it with git gc`,
      );
    }
  }
}

/** Part of the path may be a file. */
function unlessNotThere(error: NodeJS.ErrnoException): undefined {
  return error.code === 'ENOTDIR' ? undefined : nothingIfAbsent(error);
}
