/** Tells the operator, at the start, what is set up and refused now: by a setting that changed, or by a newer server. */
import type { Context } from '../context.ts';
import { selectRepositories } from '../db/queries/services.ts';
import { ErrandError } from '../errors.ts';
import { type AddressRule, isRefusedHost } from '../shared/addresses.ts';
import { resolveDestination, UnreachableError } from '../shared/destination.ts';
import { allEndpoints } from './log-streams.ts';
import { placeOf } from './repository.ts';
import { requireAccess } from './repository-access.ts';

const PAGE = 200;
/** More would only fill the log. */
const MAX_NAMED = 100;

type Needs = Pick<Context, 'config' | 'database' | 'logger'>;

/** Looks through all rows, one name after the other. Throws nothing: what it finds is in the log, or the reason why not. */
export async function nameRefusedAddresses(context: Needs, stop: AbortSignal): Promise<void> {
  try {
    await lookThrough(context, stop);
  } catch (error) {
    if (!stop.aborted) context.logger.error('addresses that are set up could not be looked through', error);
  }
}

async function lookThrough(context: Needs, stop: AbortSignal): Promise<void> {
  const { config, logger } = context;
  const { deliveries, repositories } = config.destinations;
  const hosts = new Hosts();
  let named = 0;
  const name = (what: string, of: string, host: string): void => {
    named += 1;
    logger.warn(`${what} is refused now: this server does not connect to its address`, { of, host });
  };
  for (const { owner, host } of await allEndpoints(context)) {
    if (stop.aborted || named >= MAX_NAMED) return;
    if (await hosts.isRefused(deliveries, host)) name('the receiver of a log stream', owner, host);
  }
  for (let last = ''; ; ) {
    const page = await selectRepositories(context.database.read, last, PAGE);
    for (const { id, repo } of page) {
      if (stop.aborted || named >= MAX_NAMED) return;
      const place = placeOf(repo);
      if (place.kind === 'local') {
        if (isRefusedPath(config, repo)) name('the repository of a service', id, repo);
      } else if (await hosts.isRefused(repositories, place.host)) {
        name('the repository of a service', id, place.host);
      }
    }
    if (page.length < PAGE) return;
    last = page.at(-1)!.id;
  }
}

function isRefusedPath(config: Context['config'], repo: string): boolean {
  try {
    requireAccess(config, repo);
    return false;
  } catch (error) {
    if (error instanceof ErrandError) return true;
    throw error;
  }
}

/** Each name is looked up once. */
class Hosts {
  readonly #known = new Map<string, boolean>();

  async isRefused(rule: AddressRule, host: string): Promise<boolean> {
    const key = `${JSON.stringify(rule)} ${host.toLowerCase()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const refused = isRefusedHost(rule, host) || (await leadsToRefused(rule, host));
    this.#known.set(key, refused);
    return refused;
  }
}

/** A name that has no address now is not refused: it may have one later. */
async function leadsToRefused(rule: AddressRule, host: string): Promise<boolean> {
  try {
    await resolveDestination(host, rule);
    return false;
  } catch (error) {
    if (!(error instanceof UnreachableError)) throw error;
    return error.cause === undefined;
  }
}
