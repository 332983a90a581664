/** Which repositories this server fetches at all: by path from the operator's folders, else by where their host is. */
import { realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { invalid, quote } from '../errors.ts';
import { isRefusedHost } from '../shared/addresses.ts';
import { placeOf } from './repository.ts';

type Settings = Pick<Config, 'dataDir' | 'repositories' | 'destinations'>;

/** @throws `invalidRequest` for a path outside of the operator's folders and for a host that is refused in any case */
export function requireAccess(config: Settings, url: string): void {
  const place = placeOf(url);
  if (place.kind === 'local') {
    const refusal = refusalOfPath(config, place.path);
    if (refusal) throw invalid(`repo ${quote(url)} is not accepted: ${refusal}`);
  } else if (isRefusedHost(config.destinations.repositories, place.host)) {
    throw invalid(
      `repo ${quote(url)} is not accepted: this server does not connect to ${place.host}; ` +
        'addresses of its own machine and its link need --allow-private-destinations, private ones are refused by --no-private-repos',
    );
  }
}

/**
 * Why a path of this machine may not be read as a repository; undefined where it may. Links count as what they lead to.
 * Asked again when the repository is read: a link may lead elsewhere by then.
 */
export function refusalOfPath({ dataDir, repositories }: Settings, path: string): string | undefined {
  if (repositories.localFolders.length === 0) {
    return 'file:// and paths need a server started with --allow-local-repos';
  }
  const real = realPath(path);
  // What is built there belongs to one workspace, and the keys to none.
  if (isWithin(real, realPath(dataDir))) return 'it is in the data folder of the server';
  if (repositories.localFolders.some((folder) => isWithin(real, folder))) return undefined;
  return `it is not below ${repositories.localFolders.join(' or ')} (--allow-local-repos)`;
}

/** Without links; what is not there is named from the deepest folder that is. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(realPath(parent), basename(absolute));
  }
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || !(way === '..' || way.startsWith('../') || isAbsolute(way));
}
