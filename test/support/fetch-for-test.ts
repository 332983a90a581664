/** Fetches a repository as a build does, without a server around it. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckingProxy } from '../../src/builds/fetch/proxy.ts';
import {
  type FetchedRepository,
  type FetchJob,
  fetchRepository,
  type Wanted,
} from '../../src/builds/fetch/repository.ts';
import { fetchSubmodules } from '../../src/builds/fetch/submodules.ts';
import { readConfig, type ServeFlags } from '../../src/config.ts';
import type { Executor } from '../../src/executors/executor.ts';
import { placeOf } from '../../src/services/repository.ts';
import { newId } from '../../src/shared/ids.ts';

export interface FetchOptions {
  executor: Executor;
  /** Its `data` is the executor's data folder. */
  folder: string;
  proxy: CheckingProxy;
  flags?: ServeFlags;
  stop?: AbortSignal;
  /** Gets the steps that the build's log would show. */
  steps?: string[];
}

/** The repository with its submodules. */
export async function fetchForTest(
  wanted: Wanted,
  { executor, folder, proxy, flags = {}, stop = new AbortController().signal, steps = [] }: FetchOptions,
): Promise<FetchedRepository> {
  const config = readConfig({ dataDir: join(folder, 'data'), allowLocalRepos: true, ...flags }, {});
  const id = newId('dep');
  const build = join(folder, 'data', 'builds', id);
  mkdirSync(build, { recursive: true });
  const step = async (line: string): Promise<void> => void steps.push(line);
  const { maxBytes, maxFiles } = config.repositories;
  const job: FetchJob = {
    executor,
    config,
    log: { step, error: step, complete: async () => undefined },
    id,
    folder: build,
    proxy,
    stop,
    left: { bytes: maxBytes, files: maxFiles },
    home: placeOf(wanted.url),
    credential: undefined,
    knownHosts: undefined,
  };
  const fetched = await fetchRepository(job, wanted);
  await fetchSubmodules(job, fetched, wanted.url);
  return fetched;
}
