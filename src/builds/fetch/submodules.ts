/**
 * Fetches what a repository refers to at other addresses. Each submodule is fetched like a repository of its own, within
 * what is left of the limits; one that is not to be had is named in the build's log, and the build goes on.
 */
import { lstat, rename } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { ErrandError } from '../../errors.ts';
import { isSameHost, parseRepository, placeOf } from '../../services/repository.ts';
import { requireAccess } from '../../services/repository-access.ts';
import { nothingIfAbsent } from '../../shared/absence.ts';
import { removeTree } from '../../shared/trees.ts';
import { FetchError } from './failure.ts';
import { type FetchedRepository, type FetchJob, fetchRepository, LimitError } from './repository.ts';

/** A submodule of a submodule, and so on. */
const MAX_DEPTH = 8;
/** Of one build, with those of submodules. */
const MAX_SUBMODULES = 100;

interface Link {
  path: string;
  commit: string;
}

/**
 * Fetches the submodules of a repository into its tree, and theirs.
 * @param url of the repository itself
 * @throws LimitError, DeployFailure and the reason of `stop`; any other failure goes to the log
 */
export async function fetchSubmodules(
  job: FetchJob,
  repository: FetchedRepository,
  url: string,
  depth = 1,
  counted = { submodules: 0 },
): Promise<void> {
  const modules = parseModules(repository.modules);
  for (const { path, commit } of parseLinks(repository.links)) {
    const not = (why: string): Promise<void> => job.log.step(`Submodule ${path} was not fetched: ${why}`);
    const module = modules.get(path);
    if (!module?.url) await not('.gitmodules does not say where it is');
    else if (module.update === 'none') await not('.gitmodules says update = none');
    else if (depth > MAX_DEPTH) await not(`it is the submodule of more than ${MAX_DEPTH} others`);
    else if (counted.submodules >= MAX_SUBMODULES) await not(`a build may have ${MAX_SUBMODULES} submodules`);
    else {
      counted.submodules += 1;
      try {
        const at = submoduleUrl(url, module.url);
        await fetchOne(job, repository.tree, { path, commit }, at, depth, counted);
      } catch (error) {
        if (error instanceof LimitError) throw error;
        if (!(error instanceof FetchError || error instanceof ErrandError)) throw error;
        await not(error.message);
      }
    }
  }
}

async function fetchOne(
  job: FetchJob,
  tree: string,
  { path, commit }: Link,
  address: string,
  depth: number,
  counted: { submodules: number },
): Promise<void> {
  const { config, home } = job;
  const { url } = parseRepository(address, config.repositories.localFolders.length > 0);
  requireAccess(config, url);
  const place = placeOf(url);
  if (place.kind === 'ssh' && !isSameHost(place, home)) {
    throw new FetchError(
      `it is at ${place.host} over ssh, and the service has a key for its own host alone; an https address needs none where it is public`,
    );
  }
  const fetched = await fetchRepository(job, { url, commit });
  try {
    if (fetched.commit.id !== commit) throw new FetchError(`${url} has another commit in place of ${commit}`);
    await fetchSubmodules(job, fetched, url, depth + 1, counted);
    await putInto(fetched.tree, tree, path);
  } finally {
    await removeTree(fetched.work);
  }
  await job.log.step(`Fetched submodule ${path} at ${commit}`);
}

/** Moves a tree to its place in another, through folders of that other alone. */
async function putInto(from: string, tree: string, path: string): Promise<void> {
  let folder = tree;
  for (const part of path.split('/')) {
    folder = join(folder, part);
    const found = await lstat(folder).catch(nothingIfAbsent);
    if (!found?.isDirectory()) throw new FetchError('there is no folder for it');
  }
  await rename(from, folder);
}

/** Lines `COMMIT\tPATH`; a path that git had to quote is left out, as are those that lead anywhere else. */
function parseLinks(text: string): Link[] {
  return text.split('\n').flatMap((line) => {
    const [, commit, path] = /^([0-9a-f]{40,64})\t([^"\t][^\t]*)$/.exec(line) ?? [];
    const parts = path?.split('/') ?? [];
    const isPlain = parts.every((part) => part !== '' && part !== '.' && !/^(\.\.|\.git)$/i.test(part));
    return commit && path && isPlain ? [{ commit, path }] : [];
  });
}

interface Module {
  url?: string;
  update?: string;
}

/** `submodule.NAME.KEY\nVALUE` with a NUL after each; by the path that a module is for. */
function parseModules(text: string): Map<string, Module> {
  const named = new Map<string, Record<string, string>>();
  for (const entry of text.split('\0')) {
    const [, name, key, value] = /^submodule\.([\s\S]+)\.(path|url|update)\n([\s\S]*)$/.exec(entry) ?? [];
    if (name === undefined) continue;
    named.set(name, { ...named.get(name), [key!]: value! });
  }
  return new Map(
    [...named.values()].flatMap(({ path, ...module }): [string, Module][] =>
      path ? [[path.replace(/\/+$/, ''), module]] : [],
    ),
  );
}

/** A relative address is meant from that of the repository. */
function submoduleUrl(parent: string, given: string): string {
  if (!/^\.\.?(\/|$)/.test(given)) return given;
  // The part that is no path: up to the host, or to the colon of git@host:path.
  const [, head, path] = /^([a-z]+:\/\/[^/]*|[^/]*@(?:\[[^\]]*\]|[^:/]*):)?(.*)$/i.exec(parent)!;
  const joined = posix.join(head?.endsWith(':') ? `/${path}` : path!, given).replace(/\/+$/, '');
  return `${head ?? ''}${head?.endsWith(':') && !path!.startsWith('/') ? joined.slice(1) : joined}`;
}
